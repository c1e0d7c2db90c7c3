"""Plain wishes are carried out at once, whatever the subject of the mail that is answered."""

import pytest

from inbound.intent import understand
from inbound.model import Verdict
from inbound.world import CampaignInfo, TopicInfo, World

SALE = CampaignInfo("c1", "deals", "Spring sale: 30% off every course bundle")
WORLD = World(
    company="Pro Engineer Portal",
    topics=(
        TopicInfo("deals", "Deals", "discounts, special offers, coupons"),
        TopicInfo("courses", "New Courses", "new trainings and certificates"),
        TopicInfo("events", "Events", "webinars, meet-ups, conferences"),
        TopicInfo("newsletter", "Monthly Newsletter", "articles, company news"),
        TopicInfo("partners", "Partner Offers", "offers of advertisers"),
    ),
    campaigns=(SALE,),
)
#: subject, and whether the mail that is answered is known
WAYS = [
    ("Re: Spring sale: 30% off every course bundle", SALE),
    ("Re: Ten per cent off", None),
    ("AW: Winterangebote", None),
    ("", None),
]
WISHES = {
    "en": [
        "unsubscribe", "Please unsubscribe me.", "remove me from your mailing list", "Please take me off this list.",
        "Stop sending me these emails.", "I don't want to receive these emails anymore.", "opt out",
        "Please remove my address from your list.", "No more emails please.", "Take me off your list",
    ],
    "de": [
        "Bitte abmelden", "Bitte nehmen Sie mich aus Ihrem Verteiler.", "Ich möchte keine E-Mails mehr erhalten.",
        "Bitte senden Sie mir keine Werbung mehr.", "Bitte streichen Sie mich von der Liste.",
        "Bitte melden Sie mich ab, danke.",
    ],
    "fr": [
        "Merci de me désinscrire", "Je ne souhaite plus recevoir vos e-mails.", "désabonnez-moi svp",
        "Veuillez me retirer de votre liste de diffusion.", "Arrêtez de m'envoyer des mails.",
    ],
    "es": [
        "Por favor, denme de baja", "No quiero recibir más correos.", "Quiero darme de baja de la lista.",
        "Eliminen mi dirección de su lista, por favor.", "Dejen de enviarme correos.",
    ],
    "it": [
        "Cancellatemi dalla mailing list", "Non voglio più ricevere le vostre email.", "Vorrei disiscrivermi",
        "Vi prego di non inviarmi più email.",
    ],
    "pt": [
        "Por favor, me remova da lista", "Não quero mais receber estes e-mails.", "Quero me descadastrar",
        "Parem de me enviar e-mails.",
    ],
    "nl": [
        "Graag uitschrijven", "Ik wil geen e-mails meer ontvangen.", "Haal mij van de mailinglijst af aub",
        "Stop met het sturen van deze mails.",
    ],
    "pl": [
        "Proszę mnie wypisać", "Nie chcę już otrzymywać tych wiadomości.", "Proszę o usunięcie mojego adresu z listy.",
        "Proszę nie wysyłać mi więcej maili.",
    ],
    "ru": [
        "Отпишите меня", "Не присылайте мне больше писем.", "Удалите мой адрес из рассылки, пожалуйста.",
        "Я больше не хочу получать вашу рассылку.",
    ],
    "ja": [
        "配信停止をお願いします。", "メールの配信を停止してください。", "今後メールを送らないでください。",
        "登録解除してください",
    ],
    "zh": ["退订", "请不要再给我发邮件了。", "请取消订阅。", "请把我从邮件列表中删除。"],
    "ko": ["수신거부", "더 이상 메일을 보내지 마세요.", "구독 해지해 주세요.", "메일링 리스트에서 삭제해 주세요."],
    "ar": [
        "إلغاء الاشتراك", "لا أريد تلقي هذه الرسائل بعد الآن.", "أرجو حذف بريدي من قائمتكم.",
        "توقفوا عن إرسال الرسائل.",
    ],
    "tr": [
        "Aboneliğimi iptal edin", "Artık e-posta almak istemiyorum.", "Lütfen beni listenizden çıkarın.",
        "Bana mail göndermeyin artık.",
    ],
}  # fmt: skip
STAYS = {
    "en": [
        "Please don't unsubscribe me.", "Cancel my order please.", "How much is the course?",
        "Thanks, great newsletter!", "Please remove my name from the certificate.", "Do not take me off the list",
    ],
    "de": [
        "Bitte nicht abmelden!", "Bitte stornieren Sie meine Bestellung.", "Gilt der Rabatt auch für Firmen?",
        "Ich möchte mich nicht abmelden",
    ],
    "fr": ["Ne me désinscrivez pas, s'il vous plaît.", "Annulez ma commande svp."],
    "es": ["No me den de baja, por favor.", "Quiero cancelar mi pedido."],
    "it": ["Per favore non cancellatemi"],
    "pt": ["Por favor, não me removam da lista."],
    "nl": ["Schrijf mij aub niet uit"],
    "pl": ["Proszę mnie nie wypisywać"],
    "ru": ["Не отписывайте меня, пожалуйста.", "Отмените мой заказ."],
    "ja": ["注文をキャンセルしてください。", "配信停止しないでください。"],
    "zh": ["请不要取消我的订阅。", "请取消我的订单。"],
    "ko": ["수신거부 하지 마세요."],
    "ar": ["لا تلغوا اشتراكي من فضلكم"],
    "tr": ["Lütfen beni listeden çıkarmayın"],
}  # fmt: skip


@pytest.mark.parametrize(("subject", "replied"), WAYS, ids=["known", "unknown", "german", "bare"])
@pytest.mark.parametrize(("language", "wish"), [(lang, wish) for lang, wishes in WISHES.items() for wish in wishes])
def test_a_plain_wish_is_carried_out(language: str, wish: str, subject: str, replied: CampaignInfo | None) -> None:
    """All fourteen languages that are promised, whole sentences and single words."""
    intent = understand(subject, wish, world=WORLD, replied=replied)

    assert (intent.verdict, intent.scope) == (Verdict.UNSUBSCRIBE, "all"), f"{language}: {intent.reasons}"


@pytest.mark.parametrize(("language", "text"), [(lang, text) for lang, texts in STAYS.items() for text in texts])
def test_who_wishes_something_else_stays(language: str, text: str) -> None:
    """The same words about something else, or denied, take nobody off."""
    intent = understand("Re: Spring sale: 30% off every course bundle", text, world=WORLD, replied=SALE)

    assert intent.verdict is not Verdict.UNSUBSCRIBE, f"{language}: {intent.reasons}"
