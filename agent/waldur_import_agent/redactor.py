"""The one place where secrets are taken out of texts."""

import base64
import html
import json
import re
import threading
from urllib.parse import quote, quote_plus

SECRET_MIN_LENGTH = 6
"""A shorter secret is not searched for: it would blot out ordinary words."""
PASSING_KEPT = 20
"""So many of the secrets that follow one another stay known: each costs some time at every line of the log."""
PLACEHOLDER = "[secret]"
ESCAPE = re.compile("%[0-9A-F]{2}")
TOKENS = re.compile(r"\bw_\d+_[\w.~+/-]+|(?<=\bToken )[0-9A-Fa-f]{20,}|(?<=\bBearer )[\w.~+/-]{16,}")
"""Personal access tokens (w_EXPIRY_RANDOM) and what stands in an Authorization header, even if nobody registered it."""


class Redactor:
    """Takes the registered secrets out of texts: plain, as Python shows them, or encoded: URL, JSON, HTML, base64."""

    def __init__(self) -> None:
        self._needles: tuple[str, ...] = ()
        self._lasting: dict[str, set[str]] = {}
        self._passing: dict[str, set[str]] = {}
        self._lock = threading.Lock()  # a backend's SDK may read its secrets in a thread

    def add(self, secret: str, *, passing: bool = False) -> None:
        """Register a secret; one shorter than six characters is ignored.

        A `passing` one is followed by others, like the token of each login: the last PASSING_KEPT of them are known.
        """
        if len(secret) < SECRET_MIN_LENGTH:
            return
        with self._lock:
            if secret in self._lasting:
                return
            forms = self._passing.pop(secret, None) or _forms(secret)
            (self._passing if passing else self._lasting)[secret] = forms
            if len(self._passing) > PASSING_KEPT:
                del self._passing[next(iter(self._passing))]
            found = set().union(*self._lasting.values(), *self._passing.values())
            self._needles = tuple(sorted(found, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """`text` without any secret."""
        for needle in self._needles:
            text = text.replace(needle, PLACEHOLDER)
        return TOKENS.sub(PLACEHOLDER, text)


def _forms(secret: str) -> set[str]:
    """All that a secret may look like. What is no UTF-8 in a variable of the environment stands there as surrogates."""
    kept = "surrogatepass"
    urls = {quote(secret, errors=kept), quote(secret, safe="", errors=kept), quote_plus(secret, errors=kept)}
    lower = {ESCAPE.sub(lambda found: found[0].lower(), url) for url in urls}
    plain = {secret, *urls, *lower, repr(secret)[1:-1], html.escape(secret)}
    quoted = {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in plain for ascii_only in (True, False)}
    # JSON within a JSON log line is quoted twice
    twice = {json.dumps(form)[1:-1] for form in quoted}
    return plain | quoted | twice | _base64_forms(secret.encode(errors=kept))


def _base64_forms(secret: bytes) -> set[str]:
    """How the bytes look inside a longer base64 text, at each of the three possible offsets."""
    forms: set[str] = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret).decode()
        # the first and last characters also depend on the neighbouring bytes
        middle = encoded[(0, 2, 3)[offset] :].rstrip("=")
        middle = middle if len(secret) % 3 == (0, 2, 1)[offset] else middle[:-1]
        forms |= {middle, middle.replace("+", "-").replace("/", "_")}
    return forms
