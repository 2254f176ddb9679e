"""Every setting of the desk, with its unit, its default and why it is there.

Copy this file to ``config.py`` beside it (or name another one in ``DESK_CONFIG``) and change what you need. Each
setting can be given in the environment instead, as ``DESK_<NAME>``, which wins. A wrong one stops the start with a
sentence that names it.
"""

# ---------------------------------------------------------------- required

# Signs sessions, one-time links and reply addresses; at least 32 characters, kept out of version control.
# Changing it signs everybody out and ends links and reply addresses that were given out.
# Make one: python3 -c 'import secrets; print(secrets.token_hex(32))'
SECRET_KEY = ""

# Where people reach the desk, without a slash at the end. Links in mail are made from it, never from a request.
BASE_URL = "http://127.0.0.1:8000"

# The domain of the desk's own addresses: reply+...@MAIL_DOMAIN and message ids. Your mail server hands mail to it over.
MAIL_DOMAIN = "desk.example"

# ---------------------------------------------------------------- storage

# sqlite:////absolute/path/desk.db (the default, in INSTANCE) or postgresql+psycopg://user@host/name.
# PostgreSQL is for production, and what several machines share.
DATABASE_URL = ""

# The folder for what belongs to this installation: the default database and attachments.
INSTANCE = "instance"

# The folder for attachments and raw mail, shared by all machines; empty: INSTANCE/attachments.
ATTACHMENTS = ""

# ---------------------------------------------------------------- mail in

# HOST:PORT where `flask mail listen` takes mail by LMTP from your mail server.
LMTP_LISTEN = "127.0.0.1:8024"

# HOST:PORT for SMTP beside it; empty: none. Never open it to the internet, put a mail server in front.
SMTP_LISTEN = ""

# Signs mail that a gateway posts to /mail/incoming; at least 32 characters. Empty: there is no such address.
MAIL_HOOK_SECRET = ""

# A mailbox to fetch by IMAP. Mail is kept, then moved to the folder "Processed" of the same mailbox; what is larger
# than MAX_MAIL_MB goes to "Too large". Empty: none.
IMAP_HOST = ""

# tls, starttls, or none (only on this machine). Certificates are verified. 0: 993 for tls, else 143.
IMAP_SECURITY = "tls"
IMAP_PORT = 0

# Who signs in, and the folder to fetch.
IMAP_USER = ""
IMAP_PASSWORD = ""
IMAP_FOLDER = "INBOX"

# The address of the desk whose mail it is; empty: IMAP_USER. An address that no team has: nothing is fetched.
IMAP_ADDRESS = ""

# Instead of a password, XOAUTH2: where a refresh token is exchanged for an access token, and with what.
IMAP_TOKEN_URL = ""
IMAP_CLIENT_ID = ""
IMAP_CLIENT_SECRET = ""
IMAP_REFRESH_TOKEN = ""
IMAP_SCOPE = ""

# More mailboxes: a list with a mapping for each, of the names above in small letters without "imap_", and of
# "processed" and "too_large" for folders of other names. In the environment as JSON.
# Such as [{"host": "imap.example.org", "user": "north", "password": "...", "address": "north@desk.example"}].
IMAP_ACCOUNTS = []

# The name your own mail server writes into Authentication-Results. Only that header is believed, so the server must
# remove headers of the same name from mail that comes in. Empty: none is believed, and no sender is verified by it.
AUTHSERV_ID = ""

# Megabytes of the largest message that is taken.
MAX_MAIL_MB = 25

# ---------------------------------------------------------------- mail out

# The server that takes the desk's mail.
SMTP_HOST = "127.0.0.1"
SMTP_PORT = 25

# starttls, tls, or none (only on this machine). Certificates are verified.
SMTP_SECURITY = "starttls"

# Empty: no sign-in there.
SMTP_USER = ""
SMTP_PASSWORD = ""

# Seconds until a mail server that does not answer is given up for this try.
SMTP_TIMEOUT = 30

# Seconds for which news of a ticket waits for company: what happens in quick succession makes one mail. 0: no wait.
# Receipts, answers of people and what is urgent never wait.
MAIL_GATHER_SECONDS = 120

# ---------------------------------------------------------------- caps on automatic mail

# They trust no header of anybody, and show on the mail screen how far each is used. What is beyond is kept and visible.

# Automatic mails a day to an address that nothing has proved: whose it is, others may have written.
MAIL_PER_STRANGER_AND_DAY = 3

# Mails an hour of senders nobody knows that one desk answers with a receipt: who writes in many names is many senders.
MAIL_STRANGERS_PER_HOUR = 60

# Automatic mails a day to the address of a person of the desk's.
MAIL_PER_PERSON_AND_DAY = 300

# Automatic mails an hour about one ticket, to all addresses together.
MAIL_PER_TICKET_AND_HOUR = 60

# Mails of one foreign address to one desk that are answered, by hour and by day: two desks that answer each other stop
# here. What comes beyond is kept without an answer, and the managers are told once.
MAIL_PAIR_PER_HOUR = 20
MAIL_PAIR_PER_DAY = 60

# ---------------------------------------------------------------- web

# HOST:PORT of `flask serve`, the one-process desk. gunicorn has its own option.
HTTP_LISTEN = "127.0.0.1:8000"

# How many proxies in front of the desk set X-Forwarded-For and X-Forwarded-Proto; 0: none, both are ignored.
TRUSTED_PROXIES = 0

# Hours until somebody has to sign in again.
SESSION_HOURS = 12

# Minutes that a mailed sign-in link is good for.
SIGN_IN_LINK_MINUTES = 30

# Hours that the link in an invitation is good for.
INVITATION_HOURS = 72

# Megabytes of the largest upload, all files of one form together.
MAX_UPLOAD_MB = 25

# ---------------------------------------------------------------- jobs

# Seconds between two looks for due clocks, holds, and mail to send. Being late changes no result.
TICK_SECONDS = 5

# ---------------------------------------------------------------- demo and tests only

# yes: the demo world's page of mail, and a sink that keeps all outbound mail on this machine.
DEMO = False

# HOST:PORT of that sink.
DEMO_SINK_LISTEN = "127.0.0.1:8026"

# A file with the seconds to add to the clock, so that a day can pass while you watch. Refused outside demo and tests.
CLOCK_OFFSET_FILE = ""
