"""Answers to letters about sign-ups: of the owner of an address, and of the guardian of a child under 13. Pure.

A yes of a guardian counts only with the token of the letter, from the very address that was asked, and where the
sender's domain vouches for the mail; else the guardian is asked to use the page. A no needs the token and nothing more:
whoever holds the letter may end it, and the guardian hears of it (P8).
"""

import re
from dataclasses import dataclass

from consent.model import Proof
from inbound.answers import Answer, plain_words, read_answer, read_words
from inbound.authenticity import Verdict as Trust
from inbound.authenticity import judge
from inbound.model import Origin, Reading, Standing, Verdict
from inbound.triage import HandOn, ListForStaff, Nothing
from kit.addresses import EmailAddress
from mailer.tokens import Purpose, Token

MOST_CHARACTERS = 300  # who writes more than this wants to be read by a person

#: whole answers that mean yes, one line a language
_YES_WORDS = (
    "i agree|yes i agree|agree|agreed|we agree|i do agree|i consent|yes i consent|i give my consent|i permit it",
    "ich stimme zu|ja ich stimme zu|ich bin einverstanden|einverstanden|ja ich bin einverstanden",
    "j'accepte|oui j'accepte|je suis d'accord|d'accord|oui je suis d'accord",
    "acepto|sí acepto|estoy de acuerdo|doy mi consentimiento",
    "acconsento|sì acconsento|accetto|sono d'accordo",
    "concordo|sim concordo|aceito|estou de acordo",
    "ik ga akkoord|ja ik ga akkoord|akkoord|ik stem toe",
    "zgadzam się|tak zgadzam się|wyrażam zgodę",
    "я согласен|я согласна|согласен|согласна|да я согласен|да я согласна",
    "同意します|はい同意します|はい 同意します|同意いたします",
    "我同意|同意",
    "동의합니다|네 동의합니다",
    "أوافق|نعم أوافق|أنا موافق|أنا موافقة|موافق|موافقة",
    "kabul ediyorum|evet kabul ediyorum|onaylıyorum",
)
#: what is said behind a yes and changes nothing about it
_POLITE_WORDS = (
    "please|thanks|thank you|many thanks|danke|vielen dank|merci|gracias|grazie|obrigado|obrigada|dank u|dziękuję|"
    "спасибо|ありがとうございます|谢谢|감사합니다|شكرا|teşekkürler"
)
#: words, or beginnings of words, that refuse a consent or take it back; where in doubt it is taken back
_NO_WORDS = (
    r"withdraw|revoke|retract|cancel|refuse|disagree|stop|(?:not|don't|dont|can't|cannot) (?:agree|consent)|not me",
    r"widerr?uf|zurückz|zurückn|ziehe? .{0,40}zurück|nehme .{0,40}zurück|nicht zu\b|nicht einverstanden",
    r"retir|révoqu|refus|pas d'accord|n'accepte pas",
    r"revoc|rechaz|no acepto|no estoy de acuerdo",
    r"ritir|rifiut|non acconsent|non accett|annull",
    r"anul|recus|não concord|não aceit",
    r"intrek|trek .{0,40}in\b|niet akkoord|niet toe\b",
    r"wycof|cofam|cofn|odmawiam|nie zgadzam",
    r"отзыва|отозв|отказ|не соглас",
    r"geri al|iptal|vazgeç|kabul etmiyorum|onaylamıyorum",
)
#: the same in languages that put nothing between words, or something before them
_NO_PIECES = (
    "撤回|取り消|取消|同意しません|同意できません|同意しない|拒否|不同意|拒绝|"
    "철회|취소|거부|동의하지|سحب|إلغاء|لا أوافق|أرفض"
)
_OPENING = re.compile(r"\s*(\w+)\s*[,.!;:，。、]")  # "No, I don't want this"
_YES = frozenset(plain_words(words) for line in _YES_WORDS for words in line.split("|"))
_POLITE = re.compile(rf"(?: (?:{_POLITE_WORDS}))+$")
_NO = re.compile(rf"\b(?:{'|'.join(_NO_WORDS)})|{_NO_PIECES}")


@dataclass(frozen=True, slots=True)
class ConfirmSignUp:
    """Grant what the owner of the address asked for."""

    number: int
    nonce: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class NotMe:
    """Delete a sign-up that the owner of the address doesn't want."""

    number: int
    nonce: int


@dataclass(frozen=True, slots=True)
class GuardianAgrees:
    """Note a guardian's yes."""

    number: int
    nonce: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class GuardianWithdraws:
    """End a guardian's consent, or refuse it."""

    number: int
    nonce: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class AskForThePage:
    """Ask a guardian, whose yes by mail proves too little, to use the page."""

    number: int
    nonce: int


SignUpAction = ConfirmSignUp | NotMe | GuardianAgrees | GuardianWithdraws | AskForThePage


@dataclass(frozen=True, slots=True)
class Answered:
    """The letter that is answered: its token, and the address that it was sent to (None: the sign-up is gone)."""

    token: Token
    address: EmailAddress | None

    @property
    def is_guardians(self) -> bool:
        """Whether the letter went to a guardian."""
        return self.token.purpose is Purpose.GUARDIAN

    def trust(self, sender: EmailAddress | None, origin: Origin | None) -> Trust:
        """Say how sure we are that the one who was written to has answered."""
        return judge(has_token=self.address is not None, sender=sender, owner=self.address, origin=origin)


def says(reading: Reading) -> Answer | None:
    """Return whether a person says yes or no to a letter about a sign-up; None for anything else."""
    if reading.verdict not in {Verdict.UNSUBSCRIBE, Verdict.SUBSCRIBE, Verdict.HUMAN, Verdict.UNCLEAR}:
        return None
    typed = reading.visible.typed.strip()[: MOST_CHARACTERS + 1] if reading.visible else ""
    if reading.verdict is Verdict.UNSUBSCRIBE:
        return Answer.NO
    if not typed or len(typed) > MOST_CHARACTERS:
        return None
    text = plain_words(typed).replace("’", "'")
    opening = _OPENING.match(typed)
    if _NO.search(text) or (opening and read_words(opening[1]) is Answer.NO):
        return Answer.NO
    first = _POLITE.sub("", plain_words(typed.splitlines()[0]).replace("’", "'"))
    if first in _YES:
        return Answer.YES
    answer = read_answer(reading) if not first.isdigit() else None
    return answer if answer in {Answer.YES, Answer.NO} else None


def decide(
    reading: Reading, answered: Answered, *, origin: Origin | None, no_answer: str, loop: str
) -> tuple[SignUpAction | HandOn | ListForStaff | Nothing, ...]:
    """Return what is to be done about an answer to a letter about a sign-up; never empty."""
    if loop:
        return (ListForStaff(loop),)
    if reading.verdict in {Verdict.AUTO, Verdict.BOUNCE, Verdict.COMPLAINT}:
        return (Nothing("a machine answered a letter about a sign-up"),)
    said, token = says(reading), answered.token
    if answered.address is None:
        return (Nothing("they said no, and the sign-up is gone already"),) if said is Answer.NO else (HandOn(),)
    if answered.is_guardians:
        return _guardian(reading, answered, said, origin=origin, no_answer=no_answer)
    trust = answered.trust(reading.mail.sender, origin)
    if said is Answer.NO:
        return (NotMe(token.subscriber_id, token.extra),)
    if (said is Answer.YES or reading.verdict is Verdict.SUBSCRIBE) and trust.rung.is_owner:
        return (ConfirmSignUp(token.subscriber_id, token.extra, trust.proof),)
    return (HandOn(),)


def _guardian(
    reading: Reading, answered: Answered, said: Answer | None, *, origin: Origin | None, no_answer: str
) -> tuple[SignUpAction | HandOn | ListForStaff, ...]:
    sender, token = reading.mail.sender, answered.token
    if said is Answer.NO:
        return (GuardianWithdraws(token.subscriber_id, token.extra, Proof.TOKEN),)
    if said is None and reading.verdict is not Verdict.SUBSCRIBE:
        return (HandOn(),)
    is_exact = sender is not None and answered.address is not None and sender.key == answered.address.key
    is_proven = origin is not None and origin.standing is Standing.PROVEN
    if said is Answer.YES and is_exact and is_proven:
        return (GuardianAgrees(token.subscriber_id, token.extra, Proof.TOKEN),)
    if no_answer:
        return (HandOn(), ListForStaff(f"a guardian seems to agree, nothing proves who wrote, and {no_answer}"))
    return (AskForThePage(token.subscriber_id, token.extra),)
