"""What a person wants who answered one of our mails: to leave, to join, or something that a person should read. Pure.

Commands first (:mod:`inbound.grammar`), then wordings: the lexicon finds them, :mod:`inbound.statistics` weighs
their mixture, and :mod:`inbound.topics` says which topics are meant. It acts only when it is sure; when it is not, the
answer is UNCLEAR with the scope to ask about. It never looks at who wrote, sends nothing, and changes nothing.
"""

from functools import lru_cache
from typing import Final

from inbound import topics
from inbound.evidence import Evidence, against, counted, evidence, ignored, is_denied, is_plainly_said
from inbound.features import features
from inbound.grammar import Command, command_in, commands, without_prefixes
from inbound.lexicon.folding import fold
from inbound.lexicon.marked import Marked
from inbound.lexicon.spacing import mark_text
from inbound.model import Intent, Scope, Verdict
from inbound.plain import is_courtesy, plain_stay, plain_wish
from inbound.scoping import Wish, scope_of
from inbound.statistics import Model, models
from inbound.world import CampaignInfo, World

TYPED: Final = 4000  # characters looked at: bounds the work on a long letter
SUBJECT: Final = 300
#: How sure the wish and its scope must be together before it is carried out, by what stands there in words.
SURE_OF_ALL: Final[dict[Evidence, float]] = {"plain": 0.75, "doubtful": 0.85, "none": 0.92}
SURE_OF_TOPICS: Final[dict[Evidence, float]] = {"plain": 0.9, "doubtful": 0.95, "none": 0.85}
SURE_TO_JOIN: Final = 0.85  # less than to leave a topic: whoever joins is asked to confirm it
SURE_OF_A_MACHINE: Final = 0.9
#: How likely a wish must be before the customer is asked about it. What is less likely is a letter to customer service,
#: where a person reads it; a machine's question would be an answer to somebody who wrote to people.
WORTH_ASKING: Final = 0.28
#: Who answers no mail of ours wrote for some reason of their own: then leaving must be said in words, and in a few of
#: them. Long letters from anywhere hold every word.
WORTH_ASKING_A_STRANGER: Final = 0.5  # where no wording of leaving stands
WORDS_OF_A_STRANGER: Final = 60


def understand(
    subject: str,
    typed: str,
    *,
    world: World,
    replied: CampaignInfo | None,
    receives: frozenset[str] | None = None,
    learned: dict[str, Model] | None = None,
) -> Intent:
    """Decide what a person wants from the subject and the text they typed.

    ``replied`` is the campaign that was answered, where known; ``receives`` the topics that this person gets, where
    known: a topic outside of it is never acted on. ``learned`` are other weights than the ones that ship, for
    measuring. Same input, same answer; linear in the text, of which the first :data:`TYPED` characters count.
    """
    learned = models() if learned is None else learned
    typed = typed[:TYPED]
    own = own_subject(subject[:SUBJECT], world)
    found = commands(own, typed)
    if not found and (subject_command := _subject_command(own, world)):
        found = (subject_command,)
    if not typed.strip() and not own:
        return Intent(Verdict.HUMAN, None, 1.0, "", ("Nothing was typed.",))
    plain = None if found else _plainly(subject, own, typed, world)
    if plain is not None:
        return _within(plain, receives, replied)
    body = mark_text(typed)
    head = mark_text(own)
    language = body.language or head.language
    chances = weigh(body, head, is_reply=replied is not None, learned=learned)
    if found:
        decided = _command(found, body, head, chances, world=world, language=language)
        if decided is not None:
            return _within(decided, receives, replied)
    decided = _wording(body, head, chances, world=world, replied=replied, language=language, learned=learned)
    if found and decided.verdict is Verdict.UNSUBSCRIBE and is_denied(head, body):
        decided = _with(decided, Verdict.UNCLEAR, None, decided.scope, "But it takes back or denies what it commands.")
    return _within(decided, receives, replied)


def _plainly(subject: str, own: str, typed: str, world: World) -> Intent | None:
    """Return the decision where the whole letter is one plain wish, and nothing in subject or words narrows it."""
    if stays := plain_stay(typed):
        return Intent(Verdict.HUMAN, None, 0.97, "", (f"The whole letter asks to stay: “{stays}”.",), (), (stays,))
    wish = plain_wish(typed) or (plain_wish(own) if not typed.strip() else None)
    if wish is None or topics.is_named(wish.words, world):
        return None
    if own and without_prefixes(subject) == subject.strip() and plain_wish(own) is None and not is_courtesy(own):
        return None  # the customer wrote a subject of their own: the wish may be about that
    reasons = (f"The whole letter is a plain wish to leave: “{wish.words}”.",)
    return Intent(Verdict.UNSUBSCRIBE, "all", 0.97, wish.language, reasons, (wish.words,))


def own_subject(subject: str, world: World) -> str:
    """Return the part of a subject that the customer typed: nothing where it is the subject of a mail of ours."""
    bare = without_prefixes(subject)
    if fold(bare).strip() in _own_subjects(world):
        return ""
    if command_in(bare, "subject") or topics.campaign_named_after(bare, world):
        return bare
    return "" if topics.campaign_of(bare, world) else bare


@lru_cache(maxsize=8)
def _own_subjects(world: World) -> frozenset[str]:
    return frozenset(fold(subject).strip() for subject in world.own_subjects)


def _subject_command(own: str, world: World) -> Command | None:
    """Read "<a word for leaving, in any language> <subject of a mail we sent>" as the command it is."""
    named = topics.campaign_named_after(own, world)
    if named is None:
        return None
    verbs = {hit.concept for hit in mark_text(named[0]).hits}
    if verbs & {"unsub", "stop", "cancel", "remove"} and not verbs & {"no", "sub"}:
        return Command("unsubscribe", named[1].subject, "subject", own)
    return None


def weigh(body: Marked, head: Marked, *, is_reply: bool, learned: dict[str, Model]) -> dict[str, float]:
    """Return how likely each verdict is by the statistical model alone."""
    concepts, words = features(body, head, is_reply=is_reply)
    return learned["verdict"].probabilities(concepts | words)


def _command(
    found: tuple[Command, ...],
    body: Marked,
    head: Marked,
    chances: dict[str, float],
    *,
    world: World,
    language: str,
) -> Intent | None:
    """Carry out a command that resolves, unless the letter round it speaks against it."""
    command = found[0]
    scope: Scope
    if command.argument in {"", "*"}:
        if command.argument == "" and (topics.mentions(body, world) or len(body.words) > 12):
            return None
        scope, why = "all", "a command without a topic means all"
    elif campaign := topics.campaign_of(command.argument, world):
        scope, why = (campaign.topic,), f"“{campaign.subject}” is the subject of a mail we sent"
    elif key := topics.named_topic(command.argument, world):
        scope, why = (key,), f"“{command.argument}” is a topic"
    else:
        return None
    chance = chances["unsubscribe" if command.verb == "unsubscribe" else "subscribe"]
    if chance < 0.02 or is_denied(head, body):
        return None
    where = "subject" if command.source == "subject" else "text"
    reasons = (f"The {where} is the command “{command.text[:80]}”; {why}.",)
    verdict = Verdict.UNSUBSCRIBE if command.verb == "unsubscribe" else Verdict.SUBSCRIBE
    return Intent(verdict, scope, 0.99, language, reasons, (command.text[:80],))


def _wording(
    body: Marked,
    head: Marked,
    chances: dict[str, float],
    *,
    world: World,
    replied: CampaignInfo | None,
    language: str,
    learned: dict[str, Model],
) -> Intent:
    leave, join = chances["unsubscribe"], chances["subscribe"]
    if chances["auto"] >= SURE_OF_A_MACHINE:
        reasons: tuple[str, ...] = (f"It is worded as machines word their answers ({chances['auto']:.0%} sure).",)
        return Intent(Verdict.AUTO, None, chances["auto"], language, reasons)
    said = evidence(head, body)
    is_plain = said == "plain" and is_plainly_said(head, body)
    left_out = ignored(body)
    if max(leave, join) < WORTH_ASKING and not is_plain:
        reasons = ("Nothing in it asks to leave or to join.", *(f"It {why}." for why in against(body)[:3]))
        return Intent(Verdict.HUMAN, None, 1 - leave - join, language, reasons, (), left_out)
    wish: Wish = "unsubscribe" if leave >= join else "subscribe"
    scoped = scope_of(_joined(head, body), world, replied, wish=wish, models=learned)
    said_so = counted(head, body, model=learned["verdict"], wish=wish)
    words = (*said_so, *scoped.words)
    if leave >= join:
        reasons = _reasons(said_so, scoped.reason, against(body), leave)
        enough = (SURE_OF_ALL if scoped.scope == "all" else SURE_OF_TOPICS)[said]
        is_known = replied is not None or (said != "none" and len(body.words) <= WORDS_OF_A_STRANGER)
        if leave * scoped.confidence >= enough and is_known:
            sure = min(leave, scoped.confidence)
            return Intent(Verdict.UNSUBSCRIBE, scoped.scope, sure, language, reasons, words, left_out)
        if is_known or _is_worth_asking_a_stranger(leave, body, is_plain=is_plain):
            return Intent(Verdict.UNCLEAR, None, leave, language, reasons, words, left_out, question=scoped.scope)
    elif join >= WORTH_ASKING:
        reasons = (f"It asks to join ({join:.0%} sure).",)
        if join * scoped.confidence >= SURE_TO_JOIN:
            return Intent(Verdict.SUBSCRIBE, scoped.scope, join, language, reasons, words, left_out)
        return Intent(Verdict.UNCLEAR, None, join, language, reasons, words, left_out, scoped.scope)
    reasons = ("Nothing in it asks to leave or to join.", *(f"It {why}." for why in against(body)[:3]))
    return Intent(Verdict.HUMAN, None, 1 - leave - join, language, reasons, (), left_out)


def _is_worth_asking_a_stranger(leave: float, body: Marked, *, is_plain: bool) -> bool:
    """Say whether somebody who answers no mail of ours is asked about a wish that is not sure."""
    return leave >= WORTH_ASKING_A_STRANGER and (is_plain or len(body.words) <= WORDS_OF_A_STRANGER)


def _reasons(counted: tuple[str, ...], scope: str, against: list[str], leave: float) -> tuple[str, ...]:
    words = ", ".join(f"“{word}”" for word in counted[:5])
    first = f"It asks to leave ({leave:.0%} sure)" + (f": {words}." if words else ".")
    return (first, f"As for what: {scope}.", *(f"But it {why}." for why in against[:2]))


@lru_cache(maxsize=256)
def _joined_text(head: str, body: str) -> Marked:
    return mark_text(f"{head}\n{body}")


def _joined(head: Marked, body: Marked) -> Marked:
    return _joined_text(head.folded, body.folded) if head.words else body


def _within(intent: Intent, receives: frozenset[str] | None, replied: CampaignInfo | None) -> Intent:
    """Keep to the topics that the person receives: a topic they do not get is dropped, and none left means to ask."""
    if receives is None or intent.verdict is not Verdict.UNSUBSCRIBE or not isinstance(intent.scope, tuple):
        return intent
    known = tuple(key for key in intent.scope if key in receives)
    if known == intent.scope:
        return intent
    if known:
        return _with(intent, Verdict.UNSUBSCRIBE, known, None, "Topics that this person does not get are left out.")
    ask: Scope = (replied.topic,) if replied else "all"
    return _with(intent, Verdict.UNCLEAR, None, ask, "The topic named is none that this person gets.")


def _with(intent: Intent, verdict: Verdict, scope: Scope, question: Scope, reason: str) -> Intent:
    return Intent(
        verdict,
        scope,
        intent.confidence,
        intent.language,
        (*intent.reasons, reason),
        intent.counted,
        intent.ignored,
        question,
    )
