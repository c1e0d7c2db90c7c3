"""The whole reading of a mail: bytes in, one decision with reasons out. Pure; never raises, whatever the bytes.

Order: bounce, complaint, automatic answer, list mail, then what the person typed and what they want by it. What is
none of these is for customer service; so is what fails to be read, with the failure as its reason. Nothing is acted on
here.
"""

from inbound import topics
from inbound.automatic import automatic_reasons, is_list_mail
from inbound.bounces import find_bounce
from inbound.complaints import find_complaint
from inbound.grammar import without_prefixes
from inbound.intent import understand
from inbound.mail import read_mail
from inbound.model import Envelope, InboundMail, Reading, Verdict
from inbound.replies import visible_text
from inbound.world import CampaignInfo, World, by_id, campaigns_answered

_NOTHING = InboundMail({}, "", None, "", (), (), (), "", (), None, "", {}, "", "", (), 0)


def read(
    raw: bytes, *, world: World, envelope: Envelope | None = None, receives: frozenset[str] | None = None
) -> Reading:
    """Decide what a mail is and what it asks for.

    ``receives`` are the topics that the sender gets, where known. Any bytes end in a decision: what cannot be read is
    UNCLEAR, for staff, and asks nothing of the customer.
    """
    mail = _NOTHING
    try:
        mail = read_mail(raw)
        return read_letter(mail, raw, world=world, envelope=envelope, receives=receives)
    except Exception as error:  # noqa: BLE001  # a mail that breaks a reader must still end in a decision, for staff
        reason = f"This mail could not be read ({type(error).__name__}); nothing was done."
        return Reading(Verdict.UNCLEAR, None, 0.0, (reason,), mail)


def read_letter(
    mail: InboundMail,
    raw: bytes = b"",
    *,
    world: World,
    envelope: Envelope | None = None,
    receives: frozenset[str] | None = None,
) -> Reading:
    """Decide the same of a mail that is already parsed. Unlike :func:`read` it lets the errors of readers through."""
    bounce = find_bounce(mail, raw)
    if bounce is not None:
        return Reading(
            Verdict.BOUNCE, None, 0.95, bounce.reasons or ("A mail server could not deliver.",), mail, bounce=bounce
        )
    complaint = find_complaint(mail, raw)
    if complaint is not None:
        reasons = complaint.reasons or ("A provider passes on a complaint.",)
        return Reading(Verdict.COMPLAINT, None, 0.95, reasons, mail, complaint=complaint)
    visible = visible_text(mail, world)
    machine = automatic_reasons(mail, visible.typed)
    nameless = envelope is not None and envelope.mail_from in {"", "<>"} and bool(envelope.rcpt_to)
    if len(machine) == 1 and mail.header("return-path").strip() == "<>":  # the same, as a mailbox tells it
        machine, nameless = (), True
    if machine:
        return Reading(Verdict.AUTO, None, 0.95, machine, mail, visible)
    if is_list_mail(mail):
        return Reading(
            Verdict.HUMAN, None, 0.9, ("It came through a mailing list; it is no answer to us.",), mail, visible
        )
    intent = understand(
        mail.subject, visible.typed, world=world, replied=replied_campaign(mail, world), receives=receives
    )
    if nameless and intent.verdict in {Verdict.HUMAN, Verdict.SUBSCRIBE, Verdict.AUTO}:
        # RFC 3834 2: who wrote so gets no answer; a wish to leave still counts, and a doubtful one is for staff.
        reason = "The mail server named no sender (RFC 5321 4.5.5), as machines do, and nothing in it asks to leave."
        return Reading(Verdict.AUTO, None, 0.95, (reason,), mail, visible)
    return Reading(intent.verdict, intent.scope, intent.confidence, intent.reasons, mail, visible, intent)


def replied_campaign(mail: InboundMail, world: World) -> CampaignInfo | None:
    """Return the campaign that a mail answers: by the Message-ID it refers to, else by its subject."""
    answered = campaigns_answered(world, mail.in_reply_to[:50], (*mail.recipients, *mail.delivered_to))
    if answered:
        return by_id(world)[answered[0]]
    return topics.campaign_of(without_prefixes(mail.subject), world)
