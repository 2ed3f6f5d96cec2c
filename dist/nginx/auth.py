#!/usr/bin/python3
"""The home front of each login, for nginx's mail module (auth_http).

usage: auth.py PORT FRONTS

FRONTS has a line for each domain or login: NAME ADDRESS PORT. It is read anew for each
login. The password is not looked at: the front checks it, and nginx passes its answer on.
A login that no line names is refused with the words of a wrong password.
"""
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def home(fronts, login):
    """The address and port for a login, or None. The login's own line counts first."""
    login = login.lower()
    found = None
    with open(fronts, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if len(words) != 3 or words[0].startswith("#"):
                continue
            if words[0] == login:
                return words[1:]
            if words[0] == login.rpartition("@")[2]:
                found = words[1:]
    return found


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        login = urllib.parse.unquote(self.headers.get("Auth-User", ""))
        front = home(sys.argv[2], login)
        self.send_response(200)
        if front:
            self.send_header("Auth-Status", "OK")
            self.send_header("Auth-Server", front[0])
            self.send_header("Auth-Port", front[1])
        else:
            self.send_header("Auth-Status", "login or password refused")
            self.send_header("Auth-Error-Code", "535 5.7.8")
        self.end_headers()

    def log_message(self, *_):
        """Nothing: nginx logs each login, and a password is in the request."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
