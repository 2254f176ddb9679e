"""What mail programs write around a quotation and under a mail, by language: data only, all of it casefolded.

Add a language here and nowhere else. A word in these tables never decides alone: a date, an address or the shape of
the lines around it must say the same (see ``quotation`` and ``signature``), so that a member's own sentence stays.
"""


def _folded(*words: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in words)


def _set(words: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in words.split("|"))


# "Anne <anne@…> wrote:": the verb ends the line.
FINAL_VERBS = _folded(
    "wrote", "writes", "sent", "said", "schrieb", "schreibt", "geschrieben", "schrieben sie", "a écrit", "ecrit",
    "a ecrit", "écrit", "escribió", "escribio", "ha escrito", "va escriure", "ha escrit", "escribiu", "idatzi du",
    "ha scritto", "scrive", "escreveu", "escreve", "schreef", "geschreven", "skrev", "skreiv", "skrevet",
    "skrifaði", "kirjoitti", "kirjutas", "rakstīja", "rašė", "napisał", "napisała", "napisał(a)", "napisał/a",
    "pisze", "napsal", "napsala", "napsal(a)", "napísal", "napísala", "napísal(a)", "napisao", "napisala",
    "napisao/la", "napisao je", "napisala je", "idatzi zuen", "je napisao", "је написао", "napisal", "pravi",
    "írta", "a scris", "a scris următoarele", "yazdı", "şunu yazdı", "şunları yazdı", "έγραψε", "έγραψε τα εξής",
    "написал", "написала", "написал(а)", "пишет", "писал", "писала", "написав", "пише", "написа", "שכתב", "כתב",
    "כתבה", "כתב/ה", "كتب", "كتبت", "كتب/كتبت", "نوشت", "ने लिखा", "เขียน", "เขียนว่า", "đã viết", "menulis",
    "menulis berikut", "写道", "写到", "寫道", "來信", "撰写", "のメール", "のメッセージ", "は書きました",
    "が書きました", "さんは書きました", "작성", "쓴 글",
)  # fmt: skip

# "Am … schrieb Anne <anne@…>:": the name comes after the verb.
MIDDLE_VERBS = _folded(
    "schrieb", "schreef", "skrev", "skreiv", "wrote", "napsal", "napsal(a)", "napísal", "napísal(a)", "написал",
    "написала", "пише", "kirjoitti", "escribió",
)  # fmt: skip

# Who quotes himself announces it in his own words, and what follows may be new.
OWN_WORDS = _folded(
    "i wrote", "i sent", "we wrote", "we sent", "i have sent", "schrieb ich", "ich schrieb", "schrieben wir",
    "habe ich", "j'ai écrit", "j’ai écrit", "nous avons écrit", "he escrito", "escribí", "ho scritto", "skrev jag",
    "skrev jeg", "schreef ik", "я написал", "я написала", "napisałem", "napisałam", "psal jsem",
)  # fmt: skip

# With these an introduction opens, right before its date.
OPENINGS = (
    "On", "Am", "Le", "El", "Il", "Op", "Em", "På", "Den", "Den.", "Dne", "Dňa", "Dnia", "W dniu", "Dana", "Dne",
    "In data", "Il giorno", "El día", "Vào", "Pada", "Στις", "На", "La", "Em", "Data", "Za",
)  # fmt: skip
DAYS_AND_MONTHS = (
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep",
    "oct", "nov", "dec", "mo", "di", "mi", "do", "fr", "sa", "so", "lun", "mar", "mer", "jeu", "ven", "sam", "dim",
    "mié", "mie", "jue", "vie", "sáb", "sab", "dom", "gio", "seg", "ter", "qua", "qui", "sex", "ma", "wo", "vr", "za",
    "zo", "tis", "ons", "tors", "tor", "lör", "sön", "tir", "man", "lør", "søn", "pon", "wt", "śr", "czw", "pt", "po",
    "út", "st", "čt", "pá", "ne", "pe", "la", "su", "ke", "ti", "to",
)  # fmt: skip

# "From: … Sent: … To: … Subject: …": what each label says.
_LABELS = {
    "from": (
        "from|von|de|da|van|fra|från|od|lähettäjä|saatja|sūtītājs|no|nuo|feladó|de la|kimden|gönderen|από|от|"
        "від|од|odesílatel|odesilatel|odosielateľ|pošiljatelj|šalje|expéditeur|expediteur|remitente|mittente|"
        "remetente|afzender|absender|avsender|avsändare|afsender|nadawca|frá|מאת|من|از|จาก|từ|người gửi|dari|"
        "发件人|寄件者|寄件人|發件人|差出人|送信者|送信元|보낸 사람|보낸사람|발신|発信者|reply-to|antwort an|"
        "répondre à|sender"
    ),
    "date": (
        "sent|date|gesendet|gesendet am|datum|envoyé|envoyé le|envoye|date d'envoi|message du|enviado|"
        "enviado el|enviado em|enviada em|enviada|enviat|fecha|inviato|inviato il|data|verzonden|verzonden op|"
        "sendt|sendt den|dato|skickat|sänt|wysłano|wysłane|odesláno|posláno|odoslané|dátum|poslano|lähetetty|"
        "päivämäärä|päiväys|saadetud|kuupäev|nosūtīts|datums|išsiųsta|elküldve|küldve|trimis|data|gönderildi|"
        "gönderme tarihi|tarih|στάλθηκε|εστάλη|ημερομηνία|отправлено|дата|надіслано|изпратено|послато|נשלח|"
        "תאריך|تاريخ الإرسال|تم الإرسال|التاريخ|ส่ง|วันที่|ngày|đã gửi|dikirim|tanggal|发送时间|发送日期|日期|"
        "時間|傳送時間|傳送日期|寄件日期|寄送日期|送信日時|送信日|日時|日付|보낸 날짜|보낸날짜|날짜|sent on|"
        "date and time|sent at"
    ),
    "to": (
        "to|an|à|a|para|per a|aan|til|till|do|komu|pro|za|prima|vastaanottaja|saaja|kellele|kam|címzett|către|"
        "catre|kime|alıcı|προς|кому|до|за|אל|إلى|ถึง|đến|kepada|收件人|收件者|宛先|받는 사람|받는사람|수신|"
        "destinataire|destinatario|destinatário|empfänger|mottaker|mottagare|modtager|adresat|recipient|"
        "recipients"
    ),
    "cc": (
        "cc|bcc|copie|copie à|kopie|kopi|kopia|kopio|copia|cópia|dw|kopie an|másolatot kap|bilgi|κοιν|копия|"
        "копія|עותק|抄送|副本|참조|ccn|cci|cco"
    ),
    "subject": (
        "subject|betreff|objet|asunto|oggetto|onderwerp|emne|ämne|temat|předmět|predmet|aihe|teema|temats|tema|"
        "tárgy|subiect|konu|θέμα|тема|относно|наслов|предмет|naslov|assunto|efni|נושא|الموضوع|موضوع|เรื่อง|"
        "chủ đề|perihal|subjek|主题|主旨|主題|件名|제목|sujet|tittel"
    ),
    "other": "importance|priority|priorité|wichtigkeit|attachments|anlagen|pièces jointes|mailed-by|signed-by|list",
}
LABELS = {word.casefold(): role for role, words in _LABELS.items() for word in words.split("|")}

# "-----Original Message-----": what stands below is quoted.
ORIGINALS = _set(
    "original|original message|original nachricht|original-nachricht|originalnachricht|ursprüngliche nachricht|"
    "ursprüngliche e-mail|ursprüngliche mail|mail original|upprunalegt skeyti|邮件原件|reply message|"
    "orijinal i̇leti|message d'origine|message d’origine|message original|message initial|mensaje original|"
    "missatge original|messaggio originale|messaggio originario|mensagem original|oorspronkelijk bericht|"
    "origineel bericht|oprindelig meddelelse|oprindelig besked|opprinnelig melding|original melding|"
    "ursprungligt meddelande|originalmeddelande|alkuperäinen viesti|algne kiri|sākotnējais ziņojums|"
    "pradinis laiškas|oryginalna wiadomość|wiadomość oryginalna|wiadomość pierwotna|původní zpráva|"
    "původní e-mail|pôvodná správa|izvorna poruka|originalna poruka|izvirno sporočilo|eredeti üzenet|"
    "mesaj original|mesajul original|orijinal mesaj|özgün ileti|orijinal ileti|αρχικό μήνυμα|"
    "исходное сообщение|оригинальное сообщение|первоначальное сообщение|вихідне повідомлення|"
    "оригінальне повідомлення|оригинално съобщение|originalno sporočilo|ההודעה המקורית|הודעה מקורית|"
    "الرسالة الأصلية|پیام اصلی|ข้อความต้นฉบับ|thư gốc|tin nhắn gốc|pesan asli|原始邮件|原邮件|原始郵件|"
    "原始訊息|元のメッセージ|オリジナルメッセージ|원본 메시지|원본 메일|original email|original e-mail|"
    "original appointment|ursprünglicher termin|previous message"
)

# A forwarded text has not been read by the desk before: it is new, whoever wrote it.
FORWARDS = _folded(
    "forwarded message", "begin forwarded message", "forwarded by", "forwarded email", "forwarded e-mail",
    "start of forwarded message", "weitergeleitete nachricht", "anfang der weitergeleiteten", "weitergeleitet von",
    "weitergeleitete e-mail", "message transféré", "message transfere", "début du message transféré",
    "début du message réexpédié", "courriel transféré", "mensaje reenviado", "inicio del mensaje reenviado",
    "missatge reenviat", "messaggio inoltrato", "inizio messaggio inoltrato", "inoltrato da",
    "mensagem encaminhada", "mensagem reencaminhada", "início da mensagem", "doorgestuurd bericht",
    "begin doorgestuurd bericht", "videresendt besked", "start på videresendt", "videresendt melding",
    "videresendt meddelelse", "vidarebefordrat", "vidarebefordrad", "välitetty viesti", "edelleenlähetetty",
    "edastatud kiri", "przekazana wiadomość", "wiadomość przekazana", "przesłana wiadomość", "přeposlaná zpráva",
    "preposlaná správa", "proslijeđena poruka", "prosleđena poruka", "posredovano sporočilo", "továbbított üzenet",
    "mesaj redirecționat", "mesaj redirectionat", "iletilmiş mesaj", "iletilen ileti", "yönlendirilen ileti",
    "yönlendirilmiş ileti", "προωθημένο μήνυμα", "пересылаемое сообщение", "пересланное сообщение",
    "переадресованное сообщение", "начало переадресованного", "переслане повідомлення", "препратено съобщение",
    "הודעה שהועברה", "رسالة مُعاد توجيهها", "الرسالة المعاد توجيهها", "ข้อความที่ส่งต่อ", "thư được chuyển tiếp",
    "pesan terusan", "转发邮件", "转发的邮件", "开始转发", "轉寄郵件", "轉寄的郵件", "転送メッセージ",
    "転送されたメッセージ", "전달된 메시지", "전달된 메일",
)  # fmt: skip
# "VS" forwards in Danish and answers in Finnish: in doubt all is shown.
FORWARD_SUBJECTS = _folded(
    "fwd", "fw", "wg", "tr", "rv", "i", "enc", "doorst", "vs", "vb", "pd", "továbbítás", "ilt", "προωθ", "转发", "轉寄",
    "転送", "전달",
)  # fmt: skip

# Who writes this answers between the lines of a quotation that nothing marks: then all of it is shown.
ANSWERS_BELOW = _folded(
    "see below", "answers below", "answer below", "comments below", "replies below", "responses below",
    "reply below", "inline", "in-line", "in red", "in blue", "in green", "in bold", "in caps", "between the lines",
    "my answers", "my comments", "find my", "meine antworten", "mes réponses", "mis respuestas", "le mie risposte",
    "mijn antwoorden", "mina svar", "mine svar", "siehe unten", "s. unten", "antworten unten", "antworten im text",
    "im text", "in rot", "weiter unten", "ci-dessous", "dans le texte", "dans le corps", "en rouge", "plus bas",
    "más abajo", "abajo", "en rojo", "entre líneas", "di seguito", "qui sotto", "in rosso", "zie hieronder",
    "hieronder", "tussen de regels", "abaixo", "em vermelho", "se nedan", "nedan", "nedenfor", "poniżej", "níže",
    "ниже", "lejjebb", "alla olevaan", "下記", "见下", "見下",
)  # fmt: skip

# "Sent from my telephone": beginnings that are enough, ...
MOBILE_LINES = _folded(
    "sent from my", "sent from mail", "get outlook for", "get bluemail for", "typed on my", "von meinem", "von meiner",
    "diese nachricht wurde von meinem", "gesendet von meinem", "gesendet von mail", "holen sie sich outlook",
    "laden sie outlook", "envoyé de mon", "envoyé depuis mon", "envoyé à partir de", "télécharger outlook",
    "obtenez outlook", "obtenir outlook", "enviado desde mi", "obtener outlook", "obtenga outlook",
    "enviat des del meu", "enviado do meu", "enviado a partir do meu", "obter o outlook", "inviato dal mio",
    "inviato da mio", "scarica outlook", "ottieni outlook", "verzonden vanaf mijn", "verstuurd vanaf mijn",
    "downloaden outlook", "outlook voor", "skickat från min", "hämta outlook", "skaffa outlook", "sendt fra min",
    "hent outlook", "få outlook", "lähetetty iphonesta", "lähetetty minun", "hanki outlook", "saadetud minu",
    "wysłane z mojego", "wysłano z mojego", "pobierz outlook", "odesláno z mého", "získat outlook",
    "odoslané z môjho", "poslano s mog", "poslano iz mojega", "trimis de pe", "obțineți outlook",
    "отправлено с моего", "надіслано з мого", "изпратено от моя", "στάλθηκε από το", "outlook indir",
    "发自我的", "从我的", "從我的", "來自我的", "傳送自我的", "나의 iphone", "내 iphone",
)  # fmt: skip
# ... beginnings and endings that need the name of a device or a program on the line, ...
MOBILE_BEGINNINGS = _folded(
    "sent from", "sent via", "sent with", "sent using", "sent by", "from my", "via mobile", "composed on",
    "von unterwegs", "gesendet von", "gesendet mit", "gesendet über", "gesendet aus", "outlook für", "envoyé de",
    "envoyé depuis", "envoyé avec", "envoyé par", "envoyé via", "enviado desde", "enviado con", "enviado a través",
    "enviat des de", "enviado do", "enviado a partir", "enviado pelo", "enviado de", "enviado via", "inviato da",
    "inviato dal", "inviato con", "verzonden", "verstuurd", "skickat från", "skickat med", "sendt fra",
    "sendt med", "sendt via", "lähetetty", "wysłane z", "wysłano z", "wysłane przez", "odesláno z", "odesláno ze",
    "posláno z", "odoslané z", "poslano z", "poslano iz", "poslato sa", "elküldve", "trimis din", "στάλθηκε",
    "εστάλη από", "отправлено", "надіслано", "изпратено", "נשלח מ", "أُرسلت من", "أرسل من", "ส่งจาก", "gửi từ",
    "được gửi từ", "dikirim dari", "发自", "从", "從", "來自", "傳送自", "나의", "내",
)  # fmt: skip
MOBILE_ENDINGS = _folded(
    "から送信", "から送信されました", "より送信", "에서 보냄", "gönderildi", "küldve", "发送", "傳送", "gesendet"
)
DEVICES = _folded(
    "iphon", "ipad", "ipod", "android", "galaxy", "samsung", "huawei", "xiaomi", "redmi", "pixel", "nokia", "htc",
    "blackberry", "windows", "mobile", "mobil", "móvil", "handy", "phone", "téléphone", "teléfono", "telefone",
    "telefon", "telefoon", "celular", "smartphone", "tablet", "outlook", "mail", "yahoo", "proton", "spark", "k-9",
    "superhuman", "tutanota", "thunderbird", "gmx", "web.de", "typeapp", "почт", "手机", "手機", "携帯", "휴대",
)  # fmt: skip
EXCUSES = _folded("excuse", "pardon the", "brevity", "typos", "secure email")

# Closings that say nothing beside "this is the end". Thanks are not among them: they are words of the member's.
CLOSINGS = _set(
    "regards|best regards|kind regards|kindest regards|warm regards|warmest regards|best|all the best|"
    "best wishes|with best wishes|with best regards|with kind regards|with regards|sincerely|yours sincerely|"
    "sincerely yours|yours faithfully|yours truly|respectfully|cheers|br|kr|rgds|yours|ciao|"
    "mit freundlichen grüßen|mit freundlichen grüssen|mit freundlichem gruß|mit freundlichem gruss|"
    "mit besten grüßen|mit besten grüssen|freundliche grüße|freundliche grüsse|beste grüße|beste grüsse|"
    "viele grüße|viele grüsse|herzliche grüße|herzliche grüsse|liebe grüße|liebe grüsse|schöne grüße|gruß|"
    "gruss|grüße|grüsse|mfg|lg|vg|hochachtungsvoll|cordialement|bien cordialement|très cordialement|"
    "bien à vous|cordiales salutations|salutations|meilleures salutations|sincères salutations|"
    "salutations distinguées|amicalement|bonne journée|cdlt|cdt|saludos|saludos cordiales|un saludo|"
    "un cordial saludo|cordiales saludos|atentamente|muy atentamente|salutacions|salutacions cordials|"
    "atentament|cordiali saluti|distinti saluti|saluti|un saluto|un cordiale saluto|cordialmente|"
    "atenciosamente|atentamente|com os melhores cumprimentos|cumprimentos|melhores cumprimentos|abraço|abraços|"
    "met vriendelijke groet|met vriendelijke groeten|vriendelijke groet|vriendelijke groeten|hartelijke groet|"
    "groet|groeten|mvg|met hartelijke groet|med vänlig hälsning|med vänliga hälsningar|vänliga hälsningar|"
    "vänlig hälsning|hälsningar|hälsning|bästa hälsningar|mvh|vh|med venlig hilsen|med venlige hilsner|"
    "venlig hilsen|venlige hilsner|hilsen|mange hilsner|kh|bedste hilsner|med vennlig hilsen|vennlig hilsen|"
    "beste hilsen|hilsener|ystävällisin terveisin|parhain terveisin|terveisin|terv|lugupidamisega|"
    "parimate soovidega|ar cieņu|pagarbiai|pozdrawiam|pozdrawiam serdecznie|z poważaniem|z powazaniem|"
    "serdecznie pozdrawiam|z wyrazami szacunku|s pozdravem|s pozdravom|zdraví|hezký den|lep pozdrav|"
    "lijep pozdrav|srdačan pozdrav|s poštovanjem|pozdrav|üdvözlettel|tisztelettel|üdv|cu stimă|cu respect|"
    "toate cele bune|saygılarımla|iyi çalışmalar|selamlar|με εκτίμηση|φιλικά|с уважением|всего доброго|"
    "с наилучшими пожеланиями|з повагою|с уважение|поздрави|s úctou|kær hilsen|bestu kveðjur|kveðja|בברכה|"
    "مع أطيب التحيات|مع التحية|trân trọng|salam|hormat saya|此致|此致敬礼|祝好|顺颂商祺|敬上|敬具"
)

# The kinds of words of a notice of confidentiality; three kinds, one of them the secret, make a paragraph one.
NOTICE = {
    "secret": _folded(
        "confiden", "privileg", "vertraulich", "vertrouwelijk", "riservat", "poufn", "fortrolig", "konfidenti",
        "sekretess", "luottamuksel", "důvěrn", "dôvern", "bizalmas", "gizli", "εμπιστευτικ", "конфиденц", "конфіденц",
        "機密", "保密", "秘密", "기밀",
    ),
    "mail": _folded(
        "mail", "message", "nachricht", "courriel", "mensaje", "correo", "messaggio", "mensagem", "bericht",
        "meddela", "meddelel", "besked", "wiadomo", "zpráv", "správ", "üzenet", "ileti", "μήνυμα", "сообщени",
        "повідомлен", "informat", "information", "邮件", "郵件", "メール", "메일",
    ),
    "recipient": _folded(
        "intended", "recipient", "addressee", "addressed", "empfänger", "adressat", "destinat", "geadresseerd",
        "ontvanger", "mottaga", "mottaker", "modtager", "adresat", "odbiorc", "příjemc", "címzett", "alıcı",
        "παραλήπτη", "адресат", "получател", "收件人", "受信者", "수신인",
    ),
    "mistake": _folded(
        "in error", "by mistake", "irrtümlich", "irrtum", "par erreur", "por error", "por engano", "per errore",
        "ten onrechte", "av misstag", "ved en fejl", "ved en feil", "omyłkow", "pomyłk", "omylem", "tévedés",
        "yanlışlıkla", "по ошибке", "помилково", "誤って", "错误", "notify the sender", "unauthori", "unbefugt",
        "disclos", "dissem", "strictly prohibited", "liabil", "virus",
    ),
}  # fmt: skip
BEFORE_PRINTING = _folded(
    "before printing", "bevor sie diese", "avant d'imprimer", "n'imprimez ce", "avant d’imprimer", "antes de imprimir",
    "prima di stampare", "voordat u deze", "innan du skriver ut", "przed wydrukowaniem",
)  # fmt: skip
MAILING_LIST = _folded(
    "mailing list", "mailinglist", "mailinglijst", "liste de diffusion", "lista de correo", "unsubscribe"
)
