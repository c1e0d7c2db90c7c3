"""How machines answer, in the words of each language: data for :mod:`inbound.automatic`, no rules.

One phrase a line, in lower case. ``NAMES`` say "automatic reply" wherever a program puts its mark in a subject; ``AWAY``
count only at the start of one. The body phrases are patterns, and count by the rules of the module that reads them.
"""

from inbound.phrases import Names, Phrases

# ruff: noqa: E501 - phrases of one language belong on one line


def phrases(lines: str) -> Names:
    """Return the phrases of a block of text, one a line, a "|" between several on a line; the longest first."""
    found = {phrase.strip().casefold() for line in lines.strip().split("\n") for phrase in line.split("|")}
    return Names(sorted(found - {""}, key=lambda phrase: (-len(phrase), phrase)))


def any_phrase(lines: str) -> Phrases:
    """Take patterns, one a line, as one that matches where any of them does, in any case."""
    return Phrases(line.strip() for line in lines.strip().split("\n"))


#: "Automatic reply" and its kin.
NAMES = phrases("""
    automatic reply|automatic response|automated reply|automated response|auto reply|auto-reply|autoreply|auto response
    auto-response|autoresponse|autoresponder|auto responder|automatic message|automated message|auto-generated|generated response
    automated acknowledgement|automatic acknowledgement|vacation reply|vacation response|vacation message|out of office autoreply
    automatische antwort|automatische rückantwort|autoantwort|automatische nachricht|automatische abwesenheitsnotiz
    automatische eingangsbestätigung|automatisches antwortschreiben
    réponse automatique|reponse automatique|message automatique|réponse d'absence|notification d'absence
    respuesta automática|respuesta automatica|autorespuesta|auto-respuesta|mensaje automático|contestación automática
    resposta automática|resposta automatica|mensagem automática|resposta automàtica|missatge automàtic
    risposta automatica|messaggio automatico|autorisponditore|risponditore automatico
    automatisch antwoord|automatische reactie|automatisch bericht|automatische beantwoording|autom. antwoord
    autosvar|automatiskt svar|automatiskt meddelande|automatisk svar|automatisk besked|automatsvar|automatisk melding
    automaattinen vastaus|automaattivastaus|automaattinen viesti|automaatvastus|automaatne vastus|automaatne teade
    outomatiese antwoord|outomatiese boodskap|autoodpowiedź|autoodpowiedz|automatyczna odpowiedź|odpowiedź automatyczna
    wiadomość automatyczna|automatická odpověď|automatická odpoveď|automatická správa|automatická zpráva|autorespondér
    samodejni odgovor|samodejno sporočilo|avtomatski odgovor|automatski odgovor|automatska poruka|automatski odgovor
    аутоматски одговор|аутоматска порука|automatikus válasz|automatikus visszaigazolás|automatikus üzenet|auto-válasz
    răspuns automat|raspuns automat|mesaj automat|автоматичен отговор|автоматично съобщение|автоответ|автоматический ответ
    автоответчик|ответ робота|автоматическое сообщение|автоматическое уведомление|автоматична відповідь|автовідповідь
    автовідповідач|автоматичне повідомлення|аўтаматычны адказ|αυτόματη απάντηση|αυτόματο μήνυμα|αυτοματη απαντηση
    otomatik yanıt|otomatik cevap|otomatik mesaj|otomatik yanit|automatinis atsakymas|automatinis pranešimas
    automātiskā atbilde|automātiska atbilde|automātisks paziņojums|automatinis atsakiklis
    رد تلقائي|الرد التلقائي|الرد الآلي|رد آلي|رسالة آلية|رسالة تلقائية|إجابة تلقائية|پاسخ خودکار|پیام خودکار|خودکار جواب|خودکار پیغام
    מענה אוטומטי|תשובה אוטומטית|הודעה אוטומטית|השבה אוטומטית
    स्वचालित उत्तर|स्वतः उत्तर|स्वचालित जवाब|ऑटो रिप्लाई|स्वचालित प्रतिक्रिया|स्वयंचलित उत्तर|স্বয়ংক্রিয় উত্তর|স্বয়ংক্রিয় জবাব|অটো রিপ্লাই
    தானியங்கி பதில்|ఆటోమేటిక్ రిప్లై|balasan otomatis|jawaban otomatis|pesan otomatis|balas automatik|balasan automatik|jawapan automatik
    mesej automatik|awtomatikong tugon|awtomatikong sagot|jibu la moja kwa moja|jibu otomatiki|ujumbe wa kiotomatiki|jibu la kiotomatiki
    trả lời tự động|thư trả lời tự động|phản hồi tự động|tin nhắn tự động|ตอบกลับอัตโนมัติ|ข้อความอัตโนมัติ|การตอบกลับอัตโนมัติ
    自動返信|自動応答|自動回答|自動送信|自動配信メール|自動回覆|自動回復|自動答覆|自动回复|自动答复|自动应答|자동 회신|자동회신|자동 응답|자동응답|자동 답장|자동답장
    erantzun automatikoa|resposta automática|ავტომატური პასუხი|ինքնաշխատ պատասխան|sjálfvirkt svar|freagra uathoibríoch
    përgjigje automatike|автоматски одговор|тебе автомат хариу
""")

#: "Out of office" and its kin; only at the start of a subject, where programs put it.
AWAY = phrases("""
    out of office|out of the office|out-of-office|ooo|oof|ooto|away from my mail|away from the office|away until|i am away|on vacation
    on leave|annual leave|on holiday|vacation|absence notice|office closed|we are closed|closed for|auto|no longer with|no longer at
    moved on|left the company|unmonitored mailbox|mailbox not monitored|mailbox unattended|unattended mailbox|email policy of
    address no longer in use|mailbox closed|this account will be|account closed|i have left|i've left|changed my email|new email address
    abwesenheitsnotiz|abwesenheit|abwesend|außer haus|ausser haus|nicht im büro|nicht im haus|im urlaub|urlaub|betriebsferien|büro geschlossen
    mailbox disabled|mailbox deactivated|inbox closed|gone fishing|maternity leave|paternity leave|parental leave|sick leave|konto deaktiviert|konto wurde deaktiviert
    absence du bureau|absence|absent du bureau|absent|absente|en congé|en congés|congés|hors du bureau|fermeture annuelle|boîte fermée
    fuera de la oficina|fuera de oficina|ausencia|ausente|de vacaciones|vacaciones|no estoy en la oficina|fora do escritório
    ausência temporária|ausência do escritório|ausência|fora de escritório|de férias|férias|em férias|caixa desativada|fora da oficina
    fuori ufficio|fuori sede|assenza|assente|in ferie|ferie|non lavoro più|chiusura uffici|fora de l'oficina|absència|de vacances
    afwezig|afwezigheid|niet aanwezig|niet op kantoor|buiten kantoor|met vakantie|op vakantie|uit kantoor|buite kantoor|met verlof|afwesig
    frånvaro|frånvarande|ej på plats|inte på kontoret|på semester|semester|fravær|fraværende|ikke på kontoret|ikke til stede|på ferie|ferie
    ikke tilstede|udenfor kontoret|ude af kontoret|på barsel|poissa|poissaolo|poissa toimistosta|lomalla|loma|kontorist väljas|puhkusel|eemal
    poza biurem|nieobecność|nieobecny|nieobecna|urlop|na urlopie|mimo kancelář|mimo kancelářii|mimo kancelárie|mimo kancelárii|nepřítomnost
    neprítomnosť|dovolená|dovolenka|na dovolené|na dovolenke|odsotnost|odsoten|odsotna|izven pisarne|na dopustu|odsutnost|odsutan|odsutna
    van ureda|na godišnjem|одсуство|на годишњем|házon kívül|irodán kívül|távollét|szabadság|szabadságon|nem vagyok az irodában
    în afara biroului|absent din birou|absență|absenta|în concediu|concediu|извън офиса|в отпуск|отсъствие|отпуск|в отпуске|вне офиса
    нет на месте|нет в офисе|отсутствую|отсутствие|поза офісом|у відпустці|відпустка|відсутність|немає на місці
    εκτός γραφείου|απουσία|άδεια|σε άδεια|ofis dışında|ofis dışı|izindeyim|izinde|dışarıdayım|artık bu adreste|ne biure|atostogos|atostogauju
    ārpus biroja|prombūtne|atvaļinājumā|prombūtnē|خارج المكتب|خارج أوقات|في إجازة|إجازة|خارج از دفتر|در مرخصی|مرخصی|دفتر سے باہر|رخصت
    מחוץ למשרד|לא במשרד|בחופשה|חופשה|कार्यालय से बाहर|अवकाश पर|छुट्टी पर|অফিসের বাইরে|ছুটিতে|di luar kantor|sedang cuti|cuti|di luar pejabat
    bercuti|nasa labas ng opisina|wala sa opisina|naka-leave|nje ya ofisi|likizo|niko likizo|vắng mặt|không có mặt tại văn phòng|nghỉ phép|đang nghỉ
    ไม่อยู่ที่สำนักงาน|ไม่อยู่สำนักงาน|ลาพักร้อน|ลาหยุด|不在通知|不在のお知らせ|不在|休暇|外出中|年末年始休業|夏季休業|休業のお知らせ|退職のお知らせ
    外出|休假|不在办公室|离职|離職|假期|不在辦公室|출장|부재중|부재 중|부재|휴가|휴무|퇴사 안내
""")

#: Read receipts and their opposite, as mail programs put them before the subject.
RECEIPTS = phrases("""
    read|not read|gelesen|ungelesen|nicht gelesen|lu|non lu|leído|leido|no leído|letto|non letto|lido|não lido|gelezen|niet gelezen
    læst|ikke læst|läst|ej läst|lest|ikke lest|luettu|przeczytano|přečteno|prečítané|olvasva|citit|прочитано|прочтено|αναγνώστηκε|okundu
    開封済み|已读|已讀|讀取|읽음|delivered|zugestellt|read receipt|return receipt|lesebestätigung|accusé de lecture|confirmación de lectura
    conferma di lettura|confirmação de leitura|leesbevestiging
""")

#: The parts of "this message was sent automatically": the machine, "this", the message, what was done with it.
MACHINE = any_phrase(r"""
    automa|automá|automà|autom\.|auto-?(?:reply|generated|respon|válasz)|maschinell|machine|robot|\bbot\b|system[- ]generated
    (?:by|from|vom|par le|por el|dal|door het) (?:the |our )?(?:system|système|sistema|systeem)|otomati|kiotomatiki|awtomati|outomati|samodejn
    автомат|аутомат|робот|αυτόματ|αυτοματ|تلقائي|آلي|خودکار|אוטומט|स्वचालित|स्वतः|স্বয়ংক্রিয়|tự động|อัตโนมัติ
    自動(?!化|更新|車)|自动(?!化|续|扣)|자동(?!차|화|결제|갱신)|系统|系統|システム|시스템
""")
THIS = any_phrase(r"""
    \b(?:this|diese[rs]?|dies|cette|ceci|ce|este|esta|esto|est[ae]|questo|questa|presente|dit|deze|denna|detta|det här|denne|dette)\b
    \b(?:tämä|tämän|see|antud|niniejsz\w*|ta|to|tato|tento|toto|táto|ova|ovo|ovaj|ez|acest|această|prezentul|aquest\w*|hierdie|hau)\b
    \b(?:ова|ово|овај|това|тази|настоящ\w*|данное|данный|это|этот|цей|ця|це|το παρόν|αυτό|το μήνυμα αυτό|bu|ši|šis|šī|tai)\b
    هذه|هذا|این|یہ|זו\b|זה\b|यह|এই|এটি|\bini\b|\bito\b|\bhii\b|\bhuu\b|này|นี้|この|本メール|当メール|此|本邮件|本郵件|本信|본 메일|이 메일|본 이메일|이 메시지
""")
MESSAGE = any_phrase(r"""
    message|mail|reply|response|answer|acknowledge?ment|notice|nachricht|antwort|bestätigung|courriel|réponse|mensaje|respuesta|correo|mensagem|resposta
    messaggio|risposta|bericht|antwoord|boodskap|svar|meddelande|besked|melding|viesti|vastaus|kuittaus|vastus|teade|kiri|wiadomo|odpowied
    zpráv|správ|odpov|sporočil|odgovor|poruk|порук|одговор|üzenet|válasz|levél|visszaigazolás|mesaj|răspuns|съобщ|отговор|сообщен|ответ|письм
    повідомл|відповід|лист|μήνυμα|απάντηση|yanıt|e-?posta|laišk|atsakym|pranešim|vēstul|atbild|ziņ|رسالة|رد|پیام|پاسخ|پیغام|جواب|הודע|תשוב|מענה
    संदेश|उत्तर|जवाब|মেইল|বার্তা|উত্তর|pesan|balasan|mesej|emel|mensahe|tugon|ujumbe|jibu|barua|thư|tin nhắn|ข้อความ|อีเมล
    メール|返信|送信|応答|邮件|回复|郵件|信件|回覆|메일|회신|응답|메시지
""")
SENT = any_phrase(r"""
    generated|\bsent\b|created|produced|erstellt|erzeugt|generiert|versendet|verschickt|gesendet|envoy|génér|enviad|generad|gerad|inviat|generat
    verzonden|gegenereerd|verstuur|skickat|sendt|generer|lähetetty|luotu|saadetud|loodud|wygenerowan|wysłan|vygenerov|vytvoř|vytvor|odeslán|odoslan
    poslan|послат|generiran|generisan|генерисан|ustvarjen|küldött|generált|készült|trimis|изпратен|генериран|отправлен|создан|сформирован|сгенерирован
    надіслан|створен|згенерован|στάλθηκε|δημιουργήθηκε|παρήχθη|oluşturul|gönderil|išsiųst|sugeneruot|nosūtīt|ģenerēt|إرسال|إنشاء|مرسل|ارسال|ایجاد|بھیج
    נשלח|נוצר|भेजा|উৎপন্ন|পাঠানো|dikirim|dibuat|dihantar|dijana|dihasilkan|ipinadala|imetumwa|gửi|tạo|ส่ง|送信|発送|发送|生成|發出|發送|寄出|產生|발송|생성
""")
#: Words of people, which a notice about itself has no use for.
PERSONAL = any_phrase(r"""
    \b(?:i|i'm|me|my|you|your|we|our|us|stop|ich|mich|mir|sie|ihre?[nmrs]?|je|j'ai|vous|votre|vos|yo|me|usted|ustedes|eu|você|vocês|io|mi|voi)\b
    \b(?:ik|mij|u|uw|jullie|jag|mig|ni|er|jeg|meg|dere|minä|teidän|mnie|państwo|mi|vám|nekem|eu|я|мне|мені|вы|вас|ваши?|вам|ben|bana)\b
""")
#: "Do not answer this mail", which only a machine asks.
DO_NOT_ANSWER = any_phrase(r"""
    (?:do not|don't|not to) (?:reply|respond)(?: directly)? to this|replies (?:to this \w+ )?are not (?:read|monitored)|this (?:mailbox|inbox|address) is (?:not|un)\s?monitored
    antworten sie (?:bitte )?nicht auf diese|nicht auf diese (?:e-?mail|nachricht) (?:zu )?antworten|(?:ne pas|prière de ne pas|ne) répond(?:re|ez) (?:pas )?à ce
    no (?:responda|conteste)n? (?:a )?est|não responda a est|non risponder?e? a quest|niet op dit?e?ze? ?(?:e-?mail|bericht)? ?(?:te )?(?:antwoorden|reageren)
    kan (?:inte|ikke) besvares?|svara inte på|svar ikke på denne|älä vastaa tähän|ärge vastake|nie odpowiadać na|neodpovíd\w+|neodpoved\w+ na|ne odgovarjajte|ne odgovarajte
    не одговарајте на|ne válaszoljon|nu răspundeți la acest|не отговаряйте|не отвечайте на это|не відповідайте на цей|μην απαντ\w+ σε αυτό|yanıtlamayınız|cevaplamayınız
    neatsakykite į|neatbildiet uz|لا ترد عل|عدم الرد على|به این (?:ایمیل|پیام) پاسخ ندهید|אין להשיב|उत्तर न दें|উত্তর দেবেন না|jangan (?:balas|membalas)|huwag (?:po )?(?:nang )?(?:mag-?reply|sumagot)
    usijibu|không (?:trả lời|phản hồi) (?:thư|email)|อย่าตอบกลับ|ไม่ต้องตอบกลับ|送信専用|返信(?:いただけません|しないで|できません|はご遠慮)|请勿回复|請勿(?:直接)?回(?:覆|復)|回신하지 마|회신(?:하지|이 불가)|발신 ?전용|moenie (?:op )?hierdie
""")

#: Somebody is away, or a house is closed, or a mailbox is: what vacation programs say in the first lines.
GONE = any_phrase(r"""
    \b(?:out of (?:the )?office|away from (?:my desk|the office|my e-?mail)|on (?:annual|maternity|paternity|parental|sick|medical|study) leave)
    \b(?:i am|i'm|i will be|i'll be) (?:currently )?(?:away|on (?:leave|vacation|holiday)|travell?ing|out of)\b
    \b(?:we're|we are|(?:our )?office is|offices are) closed\b|\b(?:mailbox|inbox|account|address) (?:is )?(?:no longer|not) (?:being )?(?:monitored|read|in use|used|active)
    \b(?:nobody|no one) (?:monitors|reads)|neither read nor|will be (?:deleted|closed) on|limited access to e?-?mail|messages (?:here )?are not (?:forwarded|read)
    \bich (?:bin|befinde mich)\b.{0,40}(?:urlaub|nicht im (?:büro|haus)|außer haus|abwesend|in den ferien|karenz|elternzeit|mutterschutz)|nicht mehr (?:abgerufen|verwendet|gelesen)
    nicht mehr für .{0,40}tätig|nimmt .{0,30}keine e-?mails mehr an|je suis (?:en (?:congé|vacances)|absent)|nos bureaux sont fermés|boîte n'est (?:plus|pas) (?:lue|relevée|surveillée)
    (?:estoy|estaré) (?:de vacaciones|fuera de la oficina|ausente)|permaneceremos cerrados|ya no se usa|cuenta de correo .{0,60}desactivad
    (?:estou|estarei) (?:de férias|ausente|fora do escritório)|encontro-me ausente|deixou de estar em uso|sono (?:in ferie|fuori ufficio|assente)|casella non viene letta
    ik ben (?:afwezig|met (?:verlof|vakantie)|op vakantie|niet aanwezig)|jag (?:har semester|är på semester|är inte på kontoret)|jeg (?:er på ferie|holder ferie|holder barsel|er på påskeferie)
    olen (?:lomalla|talvilomalla|kesälomalla|poissa)|viibin puhkusel|(?:przebywam|jestem) na (?:urlopie|zwolnieniu)|čerpám dovolenou|jsem na dovolené|som na (?:dovolenke|služobnej)
    na (?:dopustu|godišnjem)|на годишњем|szabadságon vagyok|(?:sunt|mă aflu) în concediu|в отпуск съм|(?:я|нахожусь|сейчас) в отпуске|нахожусь на больничном|ящик не обслуживается|письма не читаются
    (?:перебуваю )?у відпустці|απουσιάζω|βρίσκομαι σε άδεια|(?:yıllık )?izindeyim|atostogauju|esmu atvaļinājumā|(?:أنا )?في إجازة|در (?:دفتر نیستم|مرخصی)|چھٹی پر|بچھٹی
    אני בחופש|अवकाश पर हूँ|छुट्टी पर हूँ|ছুটিতে আছি|saya sedang cuti|sedang bercuti|saya bercuti|naka-?leave|niko likizo|đang nghỉ phép|ลาพักร้อน
    (?:skrzynk|schránk|schránka|poštni predal|sandučić|сандуче|ящик|скриньк|postiljkast|postilaatikko|postkast|postafiók|căsuț|кутия|θυρίδα|posta kutusu).{0,60}(?:usunię|zamkni|zruš|ukin|угас|удал|закры|видал|закри|suletakse|poistet|megszűn|închi|закр|κλείσει|kapat)
    (?:mailbox|inbox|account|adresse?|e-?mail|konto|cuenta|conta|casella|boîte)\b.{0,60}(?:will be (?:deleted|closed|removed)|wird (?:gelöscht|geschlossen)|sera (?:supprimée|fermée)|será (?:elimin|cerrad|apag|encerrad)|sarà (?:cancellata|chiusa))
    (?:konto|postfach|adresse|cuenta|cuenta de correo|compte|conta|account|mailbox) (?:wurde|ha sido|a été|foi|è stato|has been|was|is) (?:deaktiviert|gesperrt|desactivad|désactivé|desativad|disattivat|deactivated|closed)
    (?:i am|i'm|bin) .{0,30}(?:im urlaub|verreist|auf reisen)|werden nicht (?:weitergeleitet|gelesen)|cím megszűnt|nem kerülnek továbbításra
    no longer (?:work|employed|with) .{0,80}(?:contact|forwarded|closed)|(?:deleted|gelöscht|supprimés?|eliminad\w+) .{0,30}(?:unread|ungelesen|sans être lus|sin leer)|no signal
    休暇をいただいて|休業とさせていただ|不在にして|外出しており|休假|年假|产假|產假|出差|邮箱即将停用|휴가 중|부재 중|출장 중
""")

#: What goes with it: a day of return, a deputy, slow or no answers.
INSTEAD = any_phrase(r"""
    \buntil\b|\bback (?:on|in|at)|\breturn(?:ing)?\b|urgent|in my absence|please contact|reply once|as soon as|forwarded
    \bbis\b|vertretung|dringend|wieder (?:erreichbar|im)|jusqu'au|inclus|urgence|rouvriront|retour|hasta|urgente|regreso|até|regresso|volto|fino al|urgenz|rientro
    tot en met|dringende?|t\.?e\.?m\.?\b|till och med|t\.o\.m|brådskande|tilbage|tilbake|haster|asti|kiireellis|kuni|kiire|\bdo \d|pilnych|naléhav|urgentn|súrn|nujn|hitn|хитн
    -ig\b|sürgős|până|urgent|до \d|срочн|спешн|термінов|після повернення|έως|επείγ|kadar|acil|\biki\b|skubi|līdz|steidzam|حتى|عاجل|تا |فوری|עד |בדחוף|तक|आवश्यक|পর্যন্ত|জরুরি
    sampai|mendesak|sehingga|segera|hanggang|urgent|hadi|dharura|đến|gấp|จนถึง|ด่วน|まで|お急ぎ|緊急|戻り次第|至|紧急|急事|急件|까지|급한
""")

#: A desk has taken a message in: subjects, and bodies.
TAKEN_IN_SUBJECT = any_phrase(r"""
    \b(?:tiketti|päring|pyyntö|zahtjev|захтев|požiadavka|požadavek|zahtevek|bejelentés|solicitud|consulta|caso|pratica|richiesta|permohonan|permintaan|aduan|tiket|тикет|запит|запрос|заявление|αίτημα|talep|užklausa|pieteikum|yêu cầu|ombi)\w*\b.{0,30}\d
    thanks for (?:getting in touch|reaching out|writing)|viestisi|teie (?:kiri|päring)|registrad[ao]|tumepokea|asante kwa|kaebus|תודה שפנית|شكراً لتواصل|تشکر از تماس|धन्यवाद
    \[(?:ticket|case|request|ref|tichet|suporte|soporte|support|заявка|обращение|ärende|sag|受付番号|접수|hd|tt)[^\]]{0,40}\]
    \b(?:ticket|case|request|incident|chamado|folio|zgłoszenie|melding|sak|sag|ärende)\s?(?:id|no\.?|nr\.?|number|n°|:)?\s?[#№:]?\s?[\w\-]*\d
    [#№]\s?[a-z]{0,4}-?\d{3,}|(?:we(?:'ve| have)? (?:received|got)|received your) (?:your )?|thank(?:s| you) for (?:your|contacting)|acknowledge?ment|confirmation of receipt
    eingangsbestätigung|ihre anfrage|accusé de réception|bien reçu votre|acuse de recibo|recibimos su|confirma(?:ção|ción) de rece|conferma (?:di )?ricezione|abbiamo ricevuto
    ontvangstbevestiging|geregistreerd|mottagit|modtaget|mottatt|vastaanotettu|vastu võetud|przyjęt|potwierdzenie|potvrzení|potvrdenie|prejeli smo|zaprimljen|примљен|visszaigazol|confirmare de primire
    получено на|принято|зарегистрирован|отримано|прийнято|получихме|ελήφθη|παραλαβή|alındı|gauta|saņemt|استلام|ثبت شد|دریافت شد|موصول|התקבלה|दर्ज|प्राप्त|darj|পেয়েছি|গৃহীত
    diterima|tiếp nhận|ได้รับ|受け付け|受付|已收到|已创建|已建立|收到您|접수|tumepokea|natanggap|ontvang
""")
TAKEN_IN = any_phrase(r"""
    on vastaanotettu|arkipäivän|otamme yhteyttä|vastame teile|tööpäeva|on vastu võetud|je zaprimljen|odgovorit ćemo|je primljen|је примљен|биће обрађен|одговорићемо|obravnavali|odgovorili v
    akan (?:menjawab|membalas|menghubungi|diproses)|hari (?:bekerja|kerja)|se pondrá en contacto|nos pondremos en contacto|entraremos em contato|le risponderemo|ti risponderemo|tutakujibu|kuwasiliana nasi
    we(?:'ve| have) received|dienų atsakysime|darbo dien|darba dien|atbildēsim|pracovn\w+ dn|munkanapon|zile lucrătoare|работни дни|ngày làm việc|วันทำการ|pag-?uusapan|कार्य दिवस|কর্মদিবস|روز کاری|أيام عمل
    (?:have|'ve|has) received your|your .{0,60}(?:has been|was) (?:received|registered|logged|opened|assigned)|(?:ticket|case) .{0,30}(?:opened|created)
    thank(?:s| you) for (?:contacting|reaching out|getting in touch|your (?:e-?mail|message|enquiry|inquiry))|(?:we|team|advisers?|agent|someone|us) .{0,40}will (?:be in touch|respond|reply|get back|answer)
    (?:get back|be in touch) (?:to|with) you|within (?:\d+|one|two|three|five) (?:working|business|hours)|ist .{0,60}eingegangen|wurde .{0,60}erfasst|schnellstmöglich|werktag|arbeitstage|bearbeitet
    (?:a bien été|accuse|avons bien) (?:enregistrée|réception|reçu)|meilleurs délais|jours ouvr|hemos recibido|ha recibido su|su folio|días hábiles|gracias por contactar|foi (?:aberto|registad|recebid)|prazo de resposta
    è stata (?:registrata|acquisita|ricevuta)|presa in carico|grazie per averci|hebben uw .{0,30}(?:geregistreerd|ontvangen)|werkdagen|har fått nummer|er oprettet|har modtatt|har mottatt|vender tilbage|arbetsdagar|käsittelemme|yhteydenotosta
    potwierdzamy|zostało (?:przyjęte|zarejestrowane)|byl zaevidován|bola zaevidovan|bil zabeležen|zaprimili|megkaptuk|a fost înregistrat|зарегистрирован|принято|присвоен номер|рабоч\w+ дн|дякуємо за звернення|протягом доби|получено
    λάβαμε|έχει καταχωρηθεί|ulaşmıştır|iş günü|gavome|saņēm|تم استلام|سيتواصل|خلال|دریافت شد|موصول ہو|התקבל|ימי עסקים|mil gayi|मिल गया|प्राप्त हुआ|পেয়েছি|telah (?:kami )?terima|kami terima|đã nhận được|ได้รับ.{0,30}แล้ว
    受け付け|営業日|ご連絡いたします|已收到|工单|工作天|小时内|접수되었습니다|영업일|tumepokea|natanggap namin
""")

#: "I", "my": desks write "we".
FIRST_PERSON = any_phrase(r"""
    \b(?:i|i'm|i've|my|me|mine|ich|mein\w*|mich|je (?:suis|ne|vous|n'|voudrais)|mes|yo|mis|eu|meu|minha|io|mio|mia|ik|mijn|jag|mitt|mina|jeg|mig|minä|minun|mul|minu)\b|\bj'
    \b(?:mój|moja|moje|jestem|můj|mám|jsem|som|môj|moj|moja|imam|sam|я|мне|мой|моя|моё|моє|мій|мені|ми?не|имам|имах|vagyok|kaptam|εγώ|έχω|έλαβα|μου|ben|benim|aldım)\b
    أنا|لدي|אני|שלי|मैं|मुझे|मेरा|मेरी|আমি|আমার|\bsaya\b|\bako\b|\bmimi\b|(?<!chúng )\btôi\b|ผม|ฉัน|私|我(?!们|們|司)|저는|제가
""")

#: Challenge-response: prove that you are a person, and your mail goes through. Also quarantines and list servers.
CHALLENGE = any_phrase(r"""
    not (?:on )?(?:my|our|the|his|her|their)?.{0,30}(?:list of approved|approved senders?|whitelist|safe ?list)|(?:added|add you) to (?:my|our|the|his|her)? ?(?:white|safe|approved|allow)|sender authentication
    (?:prove|confirm|verify|show).{0,40}(?:you are (?:a )?(?:human|person|not a robot)|your (?:e-?mail|message|address|sender))|(?:message|mail) (?:is|was|has been) (?:waiting|held|quarantined|classified)|being held until
    (?:held|quarantined) (?:by|because|until)|release it|type the characters|captcha|confirm your (?:subscription|e-?mail)|positivliste|freigegebener? absender|zurückgehalten|absenderadresse
    liste blanche|filtre antispam|(?:courriel|message) est en attente|no soy un robot|remitentes? permitidos|lista blanca|retendrá el mensaje|lista branca|não é um robô|remetentes? (?:autorizados|permitidos)|mittenti autorizzati|filtro antispam|è trattenuto
    goedgekeurde afzenders|geen robot|godkendte? afsendere|godkjente avsendere|godkända avsändare|karantæne|karantän|hyväksyttyjen lähettäjien|robotti|roboti|dozwolonych nadawców|biał(?:a|ą|ej) list|povolených (?:odesílatelů|odosielateľov)|nejste robot|nie ste robot
    dovoljenih pošiljatelj|dopuštenih pošiljatelja|engedélyezett feladók|nem robot|lista expeditorilor|белый список|вы не робот|задержано|білий список|білого списку|ви не робот|бял списък|λευκή λίστα|ρομπότ|güvenli gönderen|beyaz liste|robot olmadığınızı
    قائمة (?:بيضاء|المرسلين)|لست روبوت|لیست سفید|ربات نیستید|רשימת השולחים|אינך רובוט|रोबोट नहीं|শ্বেত তালিকা|daftar putih|bukan robot|senarai putih|danh sách (?:trắng|cho phép)|รายชื่อที่อนุญาต|許可リスト|送信者確認|保留されて|白名单|白名單|验证码|機器人|已被.{0,6}拦截|허용 목록|발신자 인증|로봇
""")
CHALLENGE_SUBJECT = any_phrase(r"""
    verif|confirm|authenti|approv|action required|quarantin|challenge|not a robot|human|held|moderat|could not be processed|your post to
    bestätig|absender|freigabe|robot|confirmez|vérif|attente|confirm|verifi|conferma|attesa|bevestig|bekræft|bekräfta|bekreft|vahvist|kinnita
    potwierd|nadawc|ověř|overen|potrdi|potvrd|erősít|confirma|подтверд|підтверд|потвърд|επιβεβαί|onay|doğrula|patvirtin|apstiprin|تأكيد|تحقق|تایید|אימות|אישור|सत्याप|যাচাই
    konfirmasi|verifikasi|sahkan|xác (?:nhận|minh)|ยืนยัน|確認|認証|驗證|验证|인증|확인|thibitisha|kumpirma
""")
