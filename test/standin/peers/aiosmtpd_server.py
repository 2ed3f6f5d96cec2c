"""A customer's mail server made of aiosmtpd, for tests. It listens on a free port of
127.0.0.1, which is its first line on standard output, and keeps each message as a file
of a Maildir, the envelope as two lines on top.

    python3 aiosmtpd_server.py MAILDIR

It refuses recipients that begin with "refused", and defers those that begin with
"deferred".
"""

import asyncio
import os
import sys
import tempfile

from aiosmtpd.smtp import SMTP


class Handler:
    def __init__(self, maildir):
        self.maildir = maildir

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused"):
            return "550 5.1.1 nobody has that address"
        if address.startswith("deferred"):
            return "450 4.2.1 not today"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        for recipient in envelope.rcpt_tos:
            self.keep(envelope.mail_from or "", recipient, envelope.original_content)
        return "250 2.0.0 kept"

    def keep(self, sender, recipient, content):
        with tempfile.NamedTemporaryFile(dir=self.maildir + "/tmp", delete=False) as file:
            top = "Return-Path: <%s>\nDelivered-To: %s\n" % (sender, recipient)
            file.write(top.encode("utf-8", "surrogateescape") + content)
        os.rename(file.name, self.maildir + "/new/" + os.path.basename(file.name))


async def serve(maildir):
    loop = asyncio.get_running_loop()

    def session():
        return SMTP(Handler(maildir), hostname="customer.example", enable_SMTPUTF8=True)

    server = await loop.create_server(session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve(sys.argv[1]))
