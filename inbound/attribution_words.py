"""The words with which mail programs introduce a quoted mail, in every language we know of: data only.

`inbound.attributions` reads lines with them. Add a word here when a mail program writes one that is missing; nothing
else needs to change.
"""

#: The verb of an attribution line, by language; written as found, compared without case.
WROTE: dict[str, tuple[str, ...]] = {
    "en": ("wrote", "writes", "sent"),
    "de": ("schrieb", "hat geschrieben", "geschrieben hat"),
    "fr": ("a écrit", "a ecrit", "écrit", "a envoyé"),
    "es": ("escribió", "escribio", "ha escrito"),
    "pt": ("escreveu", "escreveu o seguinte"),
    "it": ("ha scritto", "scrive", "scriveva"),
    "nl": ("schreef", "heeft geschreven", "het volgende geschreven"),
    "af": ("geskryf", "het geskryf", "skryf"),
    "da": ("skrev", "har skrevet"),
    "no": ("skreiv",),
    "is": ("skrifaði",),
    "fi": ("kirjoitti",),
    "et": ("kirjutas",),
    "lv": ("rakstīja",),
    "lt": ("rašė", "parašė"),
    "pl": ("napisał", "napisała", "napisał(a)", "napisał/a", "pisze"),
    "cs": ("napsal", "napsala", "napsal(a)", "napsal/a", "píše"),
    "sk": ("napísal", "napísala", "napísal(a)", "napísal/a"),
    "sl": ("je napisal", "je napisala", "je napisal/-a", "je napisal/a", "napisala", "napisal"),
    "hr": ("je napisao", "je napisala", "je napisao/la", "napisao je", "napisala je", "je napisao"),
    "sr": ("је написао", "је написала", "је написао/ла", "написао је", "пише"),
    "mk": ("напиша",),
    "bg": ("написа",),
    "ru": ("написал", "написала", "написал(а)", "пишет", "писал", "писал(а)"),
    "uk": ("написав", "написала", "написав(ла)", "написав(-ла)", "пише"),
    "be": ("напісаў", "піша"),
    "hu": ("írta", "ezt írta", "a következőt írta"),
    "ro": ("a scris",),
    "sq": ("shkroi",),
    "el": ("έγραψε", "έγραψαν"),
    "tr": ("yazdı", "şunu yazdı", "şunları yazdı", "yazdi"),
    "az": ("yazıb", "yazdı"),
    "kk": ("жазды",),
    "ca": ("va escriure", "ha escrit", "missatge de"),
    "gl": ("escribiu",),
    "eu": ("idatzi du", "idatzi zuen"),
    "cy": ("ysgrifennodd",),
    "ga": ("scríobh",),
    "ar": ("كتب", "كتبت", "كتب ما يلي"),
    "fa": ("نوشت", "نوشته است", "نوشته"),
    "ur": ("نے لکھا", "لکھا"),
    "he": ("כתב", "כתבה", "כתב/ה", "מאת"),
    "hi": ("ने लिखा", "लिखा"),
    "mr": ("ने लिहिले", "लिहिले"),
    "bn": ("লিখেছেন", "লিখেছে"),
    "ta": ("எழுதியது", "எழுதினார்"),
    "te": ("రాసారు", "రాశారు", "వ్రాశారు"),
    "kn": ("ಬರೆದಿದ್ದಾರೆ", "ಬರೆದರು"),
    "ml": ("എഴുതി",),
    "gu": ("લખ્યું",),
    "pa": ("ਲਿਖਿਆ",),
    "th": ("เขียนว่า", "ได้เขียน", "เขียน"),
    "vi": ("đã viết", "viết"),
    "id": ("menulis", "telah menulis"),
    "tl": ("ay sumulat", "sumulat", "isinulat", "ay nagsulat"),
    "sw": ("aliandika", "ameandika", "wameandika"),
    "hy": ("գրել է", "գրեց"),
    "ka": ("დაწერა", "წერდა", "წერს"),
    "mn": ("бичсэн",),
    "zh": ("写道", "寫道", "写到", "編寫", "撰写", "寫了"),
    "ja": ("書きました", "のメール", "のメッセージ", "からのメール"),
    "ko": ("작성", "작성함", "썼습니다", "님이 씀", "보낸 메시지", "쓴 글"),
}

#: Words that open an attribution line; used to find its first line where it was wrapped.
OPENERS = (
    "în o ás kuupäev missatge ned niedz "
    "on am le el em il op den dne dnia w pe la στις в на vào pada noong בתאריך في در in på a på mnamo dňa dana дана у "
    "alle dia den klo em ngày vin mar mer dim gio 在 于 於"
)

DAYS = (
    "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday mo di mi do fr "
    "sa so montag dienstag mittwoch "
    "donnerstag freitag samstag sonntag lun mar mer jeu ven sam dim lundi mardi mercredi jeudi vendredi "
    "samedi dimanche mié jue vie sáb "
    "dom seg ter qua qui sex sab lunedì martedì mercoledì giovedì venerdì sabato domenica gio ma wo vr "
    "za zo tir ons tor fre lør søn tis "
    "lör sön ti ke pe la su to pn wt śr czw pt sob ndz po út st čt pá ne пн вт ср чт пт сб вс нд "
    "понедельник вторник среда четверг пятница "
    "суббота воскресенье понеділок вівторок середа четвер субота неділя δευ τρί τετ πέμ παρ σάβ κυρ pzt "
    "sal çar per cum cmt paz"
)

#: The labels of a header block, by what they stand for; written as found, compared without case.
LABELS: dict[str, str] = {
    "from": "from|von|de|da|van|fra|från|lähettäjä|od|отправитель|от|от кого|від|од|feladó|de la|expéditeur|"
    "remitente|remetente|mittente|afzender|"
    "avsender|afsender|avsändare|από|απο|gönderen|kimden|de qui|من|المرسل|از|فرستنده|מאת|प्रेषक|থেকে|"
    "প্রেরক|จาก|từ|người gửi|dari|mula kay|mula sa|"
    "kutoka|kutoka kwa|差出人|送信者|发件人|寄件者|寄件人|發件人|보낸 사람|보낸사람|발신|발신인|nuo|no|"
    "kellelt|saatja|šalje|pošiljatelj|šiljalac|"
    "frá|gan|oddi wrth|nga|mesazhi nga|kimdən|adresant|odosielateľ|odesílatel|vanaf|de part de|message de",
    "sent": "sent|date|gesendet|datum|envoyé|envoyé le|date d'envoi|message du|enviado|enviado el|fecha|"
    "enviada em|enviado em|enviada|data|inviato|"
    "verzonden|verzonden op|datum|sendt|dato|skickat|lähetetty|päivämäärä|pvm|wysłano|wysłane|odesláno|"
    "odoslané|poslané|отправлено|дата|отправлен|"
    "надіслано|надісланий|послато|poslano|poslato|изпратено|elküldve|küldve|dátum|trimis|expediat|"
    "στάλθηκε|εστάλη|ημερομηνία|αποστολή|gönderildi|"
    "gönderilme tarihi|tarih|gönderme tarihi|تاريخ الإرسال|تم الإرسال|التاريخ|تاریخ|ارسال شده|נשלח|תאריך|"
    "भेजा गया|दिनांक|तारीख|পাঠানো|তারিখ|"
    "ส่ง|ส่งเมื่อ|วันที่|đã gửi|đã gửi lúc|ngày|ngày gửi|dikirim|dihantar|terkirim|tanggal|tarikh|"
    "ipinadala|petsa|imetumwa|tarehe|gestuur|送信日時|日付|"
    "送信|发送时间|发送日期|日期|時間|时间|寄件日期|傳送時間|傳送日期|보낸 날짜|보낸날짜|날짜|일시|"
    "발신일|išsiųsta|nosūtīts|saadetud|enviat|bidalia|sendt den|"
    "kuupäev|datums|sent at|received",
    "to": "to|an|à|a|para|aan|til|till|vastaanottaja|do|komu|кому|получатель|до|за|címzett|către|catre|"
    "destinataire|destinatario|destinatário|προς|"
    "kime|alıcı|إلى|الى|به|گیرنده|אל|प्रति|को|প্রতি|প্রাপক|ถึง|đến|tới|người nhận|kepada|para kay|kay|"
    "kwa|宛先|収件人|收件人|收件者|받는 사람|받는사람|수신|"
    "수신인|kam|kellele|adresāts|per a|nori|prima|primatelj|za|uneme|ke|prejemnik|viðtakandi",
    "subject": "subject|betreff|betrifft|objet|sujet|asunto|assunto|oggetto|onderwerp|emne|ämne|aihe|temat|předmět|"
    "predmet|тема|предмет|относно|tárgy|"
    "subiect|θέμα|konu|الموضوع|موضوع|נושא|विषय|বিষয়|বিষয়|หัวข้อ|เรื่อง|chủ đề|tiêu đề|subjek|perihal|"
    "judul|subyek|paksa|mada|kichwa|件名|主题|主題|主旨|"
    "标题|제목|tema|teema|temats|assumpte|gaia|naslov|zadeva|efni|тақырып|mövzu",
    "cc": "cc|kopie|copie|copie à|cópia|copia|kopia|kopi|kopio|kópia|копия|копія|kopija|másolat|κοιν|"
    "κοινοποίηση|bilgi|نسخة|رونوشت|עותק|प्रतिलिपि|"
    "অনুলিপি|สำเนา|đồng gửi|tembusan|salinan|抄送|副本|참조|bcc|reply-to|responder a|antwort an|"
    "antwort an:|importance|wichtigkeit|attachments|anlagen|"
    "répondre à|organisation|organization|priority|priorität|please respond to|bitte antworten an|veuillez répondre à",
}

#: What stands between the dashes of "-----Original Message-----".
ORIGINAL = (
    "original message|original-nachricht|ursprüngliche nachricht|originalnachricht|original e-mail|"
    "original mail|original email|"
    "message d'origine|message original|message initial|courriel original|mensaje original|"
    "mensagem original|messaggio originale|"
    "oorspronkelijk bericht|oorspronkelijke bericht|origineel bericht|oprindelig meddelelse|"
    "oprindelig besked|original meddelelse|"
    "opprinnelig melding|oppr. melding|original melding|ursprungligt meddelande|originalmeddelande|"
    "alkuperäinen viesti|wiadomość oryginalna|"
    "oryginalna wiadomość|wiadomość pierwotna|původní zpráva|pôvodná správa|originálna správa|"
    "originální zpráva|исходное сообщение|"
    "оригинальное сообщение|пересылаемое сообщение|вихідне повідомлення|оригінальне повідомлення|"
    "початкове повідомлення|оригинално съобщение|"
    "изходно съобщение|оригинална порука|originalna poruka|izvorna poruka|izvirno sporočilo|"
    "оригинална порака|eredeti üzenet|mesaj original|"
    "mesajul original|mesaj inițial|αρχικό μήνυμα|πρωτότυπο μήνυμα|orijinal mesaj|özgün ileti|"
    "orjinal mesaj|asıl mesaj|asıl ileti|الرسالة الأصلية|"
    "رسالة أصلية|پیام اصلی|پیغام اصلی|הודעה מקורית|ההודעה המקורית|मूल संदेश|मूल मैसेज|মূল বার্তা|"
    "মূল মেসেজ|ข้อความต้นฉบับ|ข้อความเดิม|tin nhắn gốc|"
    "thư gốc|thông điệp gốc|pesan asli|pesan asal|mesej asal|mesej asli|orihinal na mensahe|"
    "orihinal na mensahe|ujumbe asili|ujumbe halisi|"
    "oorspronklike boodskap|missatge original|mensaxe orixinal|jatorrizko mezua|algne sõnum|algne kiri|"
    "oriģinālais ziņojums|sākotnējais ziņojums|"
    "originalus laiškas|pradinis laiškas|upprunaleg skilaboð|mesazhi origjinal|元のメッセージ|"
    "オリジナル メッセージ|オリジナルメッセージ|元のメール|"
    "原始邮件|邮件原件|原邮件|原始消息|原始郵件|原文|原始訊息|원본 메시지|원본메시지|원본 메일|"
    "원본 이메일|reply message|reply|antwort|quoted message|"
    "ursprungsnachricht|originaltext|orig. message|origineel|előzmény"
)

#: What stands on the line above a forwarded mail.
FORWARDED = (
    "forwarded message|begin forwarded message|forwarded by|forwarded mail|fwd|weitergeleitete nachricht|"
    "anfang der weitergeleiteten nachricht|"
    "anfang der weitergeleiteten e-mail|weitergeleitet von|message transféré|message transmis|"
    "début du message transféré|début du message réexpédié|"
    "mensaje reenviado|inicio del mensaje reenviado|mensagem encaminhada|mensagem reencaminhada|"
    "início da mensagem encaminhada|"
    "início da mensagem reencaminhada|messaggio inoltrato|inizio messaggio inoltrato|"
    "doorgestuurd bericht|begin doorgestuurd bericht|"
    "videresendt besked|videresendt meddelelse|start på videresendt besked|videresendt melding|videresendt e-post|"
    "vidarebefordrat meddelande|vidarebefordrat brev|vidarebefordrat mejl|"
    "välitetty viesti|välitetty viesti alkaa|edelleenlähetetty viesti|wiadomość przekazana dalej|"
    "przekazana wiadomość|wiadomość przekazana|"
    "treść przekazanej wiadomości|přeposlaná zpráva|přeposlaný e-mail|preposlaná správa|"
    "přesměrovaná zpráva|пересланное сообщение|"
    "пересылаемое сообщение|перенаправленное сообщение|начало переадресованного сообщения|"
    "переслане повідомлення|препратено съобщение|"
    "прослеђена порука|proslijeđena poruka|prosleđena poruka|posredovano sporočilo|továbbított üzenet|"
    "továbbított levél|mesaj redirecționat|"
    "mesaj redirectionat|mesaj transmis|προωθημένο μήνυμα|iletilen mesaj|yönlendirilmiş mesaj|"
    "iletilmiş ileti|رسالة معاد توجيهها|"
    "رسالة معاد إرسالها|الرسالة المعاد توجيهها|پیام فوروارد شده|پیام هدایت شده|הודעה שהועברה|"
    "अग्रेषित संदेश|फ़ॉरवर्ड किया गया संदेश|ফরওয়ার্ড করা বার্তা|"
    "ফরওয়ার্ড করা মেসেজ|ข้อความที่ส่งต่อ|tin nhắn được chuyển tiếp|thư được chuyển tiếp|thư chuyển tiếp|"
    "pesan diteruskan|pesan terusan|mesej dimajukan|"
    "naipasang mensahe|ipinasang mensahe|ujumbe uliosambazwa|aangestuurde boodskap|missatge reenviat|"
    "edastatud sõnum|pārsūtīts ziņojums|"
    "persiųstas laiškas|転送メッセージ|転送されたメッセージ|转发邮件信息|转发的邮件|转发邮件|"
    "转发邮件信息|轉寄的郵件|轉寄郵件|轉寄訊息|已轉寄郵件|전달된 메시지|전달된 메일"
)
