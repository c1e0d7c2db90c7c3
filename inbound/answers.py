"""Short answers to a question of ours: yes, no, undo, or the number of a choice. Pure.

Only looked at where the mail came to the address of a letter that asked something; the same words mean nothing
elsewhere.
"""

import enum
import re
import unicodedata

from inbound.model import Reading

ANSWER_CHARACTERS = 60  # an answer is a word or two; more is a letter


class Answer(enum.StrEnum):
    """What was answered."""

    YES = "yes"
    NO = "no"
    UNDO = "undo"


_WORDS = {
    Answer.YES: "1|yes|y|yes please|ok|okay|confirm|confirmed|i confirm|correct|ja|ja bitte|bestätigen|oui|je confirme|"
    "sí|si|confirmo|confermo|sim|tak|potwierdzam|да|подтверждаю|はい|是|是的|确认|確認|네|예|نعم|evet|onaylıyorum|joo|kyllä|"
    "igen|ano|da|ναι|כן|हाँ|vâng|ใช่|"
    "yes i agree|i agree|agreed|yes agreed|ja ich stimme zu|ich stimme zu|oui j'accepte|oui j’accepte|j'accepte|"
    "j’accepte|sí acepto|si acepto|acepto|sì accetto|si accetto|accetto|sim aceito|aceito|ja ik ga akkoord|"
    "ik ga akkoord|akkoord|tak zgadzam się|zgadzam się|да согласен|да согласна|согласен|согласна|"
    "はい同意します|はい 同意します|同意します|"
    "是我同意|是 我同意|我同意|同意|네 동의합니다|동의합니다|نعم أوافق|أوافق|evet kabul ediyorum|kabul ediyorum",
    Answer.NO: "2|no|n|no thanks|nein|nee|non|não|nao|nie|нет|いいえ|不|不是|否|아니요|아니오|لا|hayır|hayir|nej|nei|"
    "ei|nem|ne|όχι|לא|नहीं|không|ไม่",
    Answer.UNDO: "undo|undo please|please undo|undo this|"
    "rückgängig|rueckgaengig|annuler|deshacer|annulla|desfazer|ongedaan maken|cofnij|отменить|"
    "отмена|元に戻す|取り消し|撤销|撤銷|실행 취소|취소|تراجع|geri al",
}
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_CHOICE = re.compile(r"\s*([12]) [-–—] \w")
_BETWEEN = re.compile(r"[\s,;.!、，。،؛]+")


def plain_words(text: str) -> str:
    """Return words in one case, without the marks between and around them, so that they can be compared."""
    return _EDGES.sub("", _BETWEEN.sub(" ", unicodedata.normalize("NFC", text).casefold()))


_MEANINGS = {plain_words(word): answer for answer, words in _WORDS.items() for word in words.split("|")}


def read_answer(reading: Reading) -> Answer | None:
    """Return the answer that the first line of the typed text gives, or the bare subject where nothing was typed."""
    typed = reading.visible.typed.strip() if reading.visible else ""
    first = next((line for line in typed.splitlines() if line.strip()), "")
    if not first:
        return read_words(reading.mail.subject)
    return read_words(first)


def read_words(text: str) -> Answer | None:
    """Return the answer that one line gives."""
    if len(text) > ANSWER_CHARACTERS:
        return None
    chosen = _CHOICE.match(text)  # "1 - stop all promotions": the line of our letter, copied
    if chosen:
        return Answer.YES if chosen.group(1) == "1" else Answer.NO
    return _MEANINGS.get(plain_words(text))
