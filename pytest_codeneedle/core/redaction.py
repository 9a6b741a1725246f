"""Secrets, known by their shape wherever they stand: in arguments, URLs, headers, JSON, the log of a server.

A name says it (`HF_TOKEN=`, `--proxy-password`, `?sig=`, `"api_key":`, `Authorization:`), the place does (a user before
the @ of a URL), or the text itself (`hf_...`, `sk-...`, a key that a server masked and left the ends of). What stands
for a secret is `***`. Hosts that share a model are no secret and nobody's business: each has a code instead, the same
for the same host.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What stands where a secret was.
HIDDEN = "***"
#: A server that masks a key itself leaves its beginning or its end: sk-proj-****cdef.
#: An escape before it, as in `%3D***`, is none of it.
MASKED = re.compile(
    r"(?<!%)(?<!%[\da-fA-F])(?<!%25)(?<!%253)(?!(?<=\\)u00)(?<!\\u)(?<!\\u0)(?<!\\u00)(?<!\\u00[\da-fA-F])"
    r"[\w.-]{0,200}\*{3,}[\w.*-]*"
)

#: A name with one of these words in it is that of a secret,
_WORDS = frozenset(
    (
        *("token", "secret", "password", "passwd", "passphrase", "pwd", "apikey", "auth", "authorization", "bearer"),
        *("key", "credential", "credentials", "signature", "sig", "cookie", "hft"),
        *("pass", "pw", "otp", "jwt", "csrf", "tok", "session", "passwords", "secrets", "sshpass", "passin", "passout"),
        *("pat", "cred", "creds", "sid", "sessid", "jsessionid", "phpsessid"),
    )
)
#: `--kv-pass` is how many lines pass.
_OWN_OPTION = ["kv", "pass"]
_ENDINGS = ("token", "secret", "password", "passwd", "apikey", "signature")  # authtoken, clientsecret
_LISTS = ("apikeys", "accesskeys", "authtokens", "accesstokens", "apitokens")  # and of all parts together
#: unless it ends in one of these: then it is that of a place, or of a kind.
_NOT_ITSELF = frozenset(("file", "path", "dir", "env", "type", "name", "format", "mode", "length", "count", "size"))
#: In running text and in JSON these alone are words like others: `token: <eos>`, `"key": "c1f2"`.
_COMMON = frozenset(
    ("key", "token", "auth", "sig", "signature", "cookie", "bearer", "secret", "pass", "tok", "session", "pat", "sid")
)
#: but before what nobody writes as a word: `token: Zx81Qw93Lm55`.
_DRAWN_SHAPE = r"(?=\S{0,40}\d\S{0,40}\d)(?=\S{0,40}[a-z])(?=\S{0,40}[A-Z])[\w.~+/=-]{12,}"
_DRAWN = re.compile(_DRAWN_SHAPE)
#: And these are never anything else.
_STRONG = frozenset(("password", "passwd", "passphrase", "apikey", "api-key", "api_key", "authorization"))
_RANDOM = re.compile(r"(?=\S*\d)[^\s/]{8,}$|[^\s/]{20,}$")
_MIXED = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z]).{6,}|\S{20,}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SCHEMES = "bearer|basic|token|digest|api-?key|negotiate|ntlm|hmac|hawk|aws4-hmac-sha256"
_PLAIN = re.compile(
    rf"-?[\d.]*|true|false|on|off|yes|no|none|null|auto|{_SCHEMES}|(?:\\{{1,16}}u002[27])?\*{{3}}(?:[:;,.]|%.*)*",
    re.IGNORECASE,
)

_IS_FLAG = re.compile(r"--?[A-Za-z]")
_ASSIGNED = re.compile(r"(?P<name>-{0,2}[A-Za-z_][\w.-]*)=(?P<value>.*)", re.DOTALL)
#: llama-server's flag, and its variable, that name other hosts; a list of them with commas.
_RPC = ("--rpc", "LLAMA_ARG_RPC")
_HERE = re.compile(r"(?:127\.[\d.]+|localhost|\[?::1\]?)(?::\d+)?|host-[0-9a-f]{6}|\d+(?: hosts?)?")

_USER = re.compile(r"(?<=//)[^\s/?#'\"]+@")
_LOGIN = re.compile(r"(?<![\w/@:.+-])[\w.%+-]{1,200}:[^\s/@'\"]{1,200}@(?=[\w\[])")
_QUERY = re.compile(r"(?P<head>[?&;#](?P<name>[\w.~%-]+)=)(?P<value>[^\s&;#'\"<>\\]+)")
_PAIRED = 2
_LONG_VALUE = 16  # of a URL's query: nobody types as much
_ENCODED = re.compile(
    r"(?P<head>(?<![\w.-])(?P<name>[\w.-]{1,100})(?:%(?:25)*22)?(?:%(?:25)*3[aAdD]|\\{1,16}u003[aAdD])(?:%(?:25)*2[02]){0,2})"
    r"(?P<value>(?:[^\s%&;#'\"<>\\]|%(?!(?:25)*2[26])(?:25)*[\da-fA-F]{2})+)"
)
_QUOTE = r"(?:\\{0,16}[\"']|&(?:amp;)*(?:quot|apos|#34|#39|#[xX]2[27]);|\\{1,16}u002[27])"
_QUOTED = re.compile(
    rf"(?P<head>(?P<quote>{_QUOTE})(?P<name>[\w.-]+)(?P=quote)\s*(?:=>|[:=])\s*)(?P<open>{_QUOTE})(?P<value>.{{1,2000}}?)(?P=open)"
)
#: `"api_keys": ["...", "..."]`
_LISTED = re.compile(
    rf"(?P<head>(?<![\w./-])(?P<quote>{_QUOTE}|)(?P<name>[\w.-]+)(?P=quote)\s*(?:=>|[:=])\s*)\[[^\[\]\n]{{1,4000}}\]"
)
#: `('x-api-key', '...')`
_PAIR = re.compile(
    rf"(?P<head>[(\[]\s*b?(?P<quote>{_QUOTE})(?P<name>[\w.-]+)(?P=quote)\s*,\s*b?)"
    rf"(?P<open>{_QUOTE})(?P<value>.{{1,2000}}?)(?P=open)(?=\s*[)\]])"
)
_ELEMENT = re.compile(
    r"(?P<head>(?:<|&lt;)(?P<name>[\w.:-]+)(?:\s[^<>&]{0,200})?(?:>|&gt;))(?P<value>[^<>&]{1,2000})(?=(?:<|&lt;)/(?P=name))"
)
_NAMED = re.compile(
    r"(?<![\w./-])(?P<name>-{0,2}[A-Za-z_][\w.-]*)(?P<sign>\s?(?::=|=>|=)\s?|:\s?)(?P<open>\\{0,16}[\"']?)(?!//)"
)
_VALUE = re.compile(r"(?:[^\s\"'\\,;&()\[\]{}<>]|(?<=\w),(?=\w[^\s\"'\\,;&()\[\]{}<>=:]*(?![^\s\"',])))+")
#: The same with spaces in it: `--password "hu sh"`.
_SPACED = re.compile(
    r"(?P<head>(?<![\w./-])(?P<name>-{0,2}[A-Za-z_][\w.-]*)(?P<sign>\s?(?::=|=>|=)\s?|:\s?|\s)(?P<open>\\{0,16}[\"']))"
    r"(?P<value>[^\s\"'\\]+[ \t][^\"'\\\n]{0,500})(?P<close>(?P=open))"
)
_FLAG = re.compile(
    r"(?P<head>(?<![\w-])(?P<name>--?[A-Za-z][\w.-]*)(?:\s+|\\{0,16}[\"']\s*,\s*)\\{0,16}[\"']?)"
    r"(?P<value>[^\s\"'\\\-][^\s\"'\\]*)"
)
#: A user and a password, as curl takes them.
_USER_FLAGS = ("--user", "--proxy-user", "-u", "-U")
_USER_FLAG = re.compile(
    rf"(?P<head>(?<![\w-])(?:{'|'.join(_USER_FLAGS)})(?:\s+|=|\\{{0,16}}[\"']\s*,\s*)\\{{0,16}}[\"']?)"
    r"(?P<value>[^\s:\"'\\]+:(?!\d+(?![^\s\"']))[^\s\"'\\]+)"
)
#: In a sentence: `Incorrect API key provided: ...`, `password is ...`.
_SENTENCE = re.compile(
    r"(?P<head>\b(?:api[ _-]?key|(?:access|auth|session|bearer|hf) token|password|passphrase|passwd|pass phrase)"
    r"(?P<told>\s+(?:provided|supplied|given|received|used|is|was))*\s*(?P<sign>[:=]\s*|\s)[\"'`]?)"
    r"(?P<value>[^\s\"'`,;<>()]+)",
    re.IGNORECASE,
)
#: And what is called so and is no word: `token "Zx81Qw93Lm55" is expired`, `setx HF_TOKEN Zx81Qw93`.
_CALLED = re.compile(
    r"(?P<head>\b(?i:(?:[a-z]\w*_)?(?:token|secret|key|password|pat))\b(?:\s+(?:is|was))?[\s:=(\"'`]{1,4})"
    rf"(?P<value>{_DRAWN_SHAPE}(?<![.]))"
)
_HOSTS = re.compile(r"(?P<head>(?<![\w-])(?:--rpc|LLAMA_ARG_RPC)[ =][\"']?)(?P<hosts>[^\s\"']+)")
_HEADER = re.compile(
    r"(?P<head>\b(?:(?:proxy-)?authorization|x-api-key|api-key)\\{0,16}[\"']?\s*[:=]\s*\\{0,16}[\"']?"
    rf"(?:(?:{_SCHEMES})\s+)?)"
    r"(?P<value>(?:[a-z]+=\\{0,16}[\"'][^\"'\\\n]*\\{0,16}[\"'],\s*|[a-z]+=[^\s\"'\\,;}]+,\s*)*"
    r"(?:[a-z]+=\\*\"[^\"'\\\n]*\\*\"|[^\s\"'\\,;}]+))"
    r"|(?P<cookies>\b(?:set-)?cookie\\{0,16}[\"']?\s*[:=]\s*\\{0,16}[\"']?)"
    r"(?:[^\s\"'\\,;}]+(?:;\s*[\w.-]+=[^\s\"'\\,;}]*)*)",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"(?i:\bbearer\s+)(?P<bearer>(?=\S*[\d_=+/~.])[\w.~+/=-]{8,}|[\w-]{20,})"
    r"|\b[Bb]asic\s+(?P<basic>(?=\S*[A-Z\d=])[A-Za-z\d+/]{8,}={0,2})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<![A-Za-z\d])(?:(?:hf|gh[opsur]|gsk|r8|(?:sk|pk|rk)_(?:live|test))_[A-Za-z\d]{10,}|github_pat_\w{10,})"
    r"|(?<![A-Za-z\d])(?:sk|glpat|nvapi|xox[abeoprs])-(?=\S*\d)[\w-]{8,}"
    r"|(?<![A-Za-z\d])(?:sk-(?:proj|ant|svcacct|or)-[\w-]{8,}|(?:pypi|xai)-(?=[\w-]*\d)[\w-]{12,})"
    r"|(?<![A-Za-z\d])(?:npm_(?=[A-Za-z]*\d)[A-Za-z\d]{10,}|do[opr]_v1_[A-Za-z\d]{8,})"
    r"|(?<![A-Za-z\d])(?:SG\.(?=[\w.-]*\d)[\w-]{8,}\.[\w-]{8,}|ya29\.[\w-]{8,})"
    r"|(?<![A-Za-z\d])(?:(?:tvly|pplx|csk|sq0atp|shp(?:at|ca|pa|ss))[-_](?=\S*\d)[\w-]{10,}|AGE-SECRET-KEY-1\w{8,})"
    r"|(?<![A-Za-z\d])(?:(?:dckr_pat|lin_api|whsec|ntn|fw|fal|secret|key)_(?=[A-Za-z]*\d)[A-Za-z\d]{16,}|hvs\.[\w-]{12,})"
    r"|(?<![A-Za-z\d])(?:AKIA|ASIA)[A-Z\d]{12,}|(?<![A-Za-z\d])AIza[\w-]{20,}"
    r"|(?<![A-Za-z\d])eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*)?",
    re.DOTALL,
)


def redacted(text: str) -> str:
    """The text with `***` for what looks like a secret; taken once more it is the same."""
    text = _SHAPES.sub(_shapeless, text)
    text = _USER.sub(f"{HIDDEN}@", text)
    text = _LOGIN.sub(f"{HIDDEN}@", text)
    text = _HEADER.sub(lambda found: f"{found['head'] or found['cookies']}{HIDDEN}", text)
    text = _QUERY.sub(_without_parameter, text)
    text = _ENCODED.sub(_without_value, text)
    text = _QUOTED.sub(_without_quoted, text)
    text = _LISTED.sub(_without_listed, text)
    text = _PAIR.sub(_without_quoted, text)
    text = _ELEMENT.sub(_without_element, text)
    text = _SPACED.sub(_without_spaced, text)
    text = _without_named(text)
    text = _SENTENCE.sub(_without_told, text)
    text = _CALLED.sub(lambda found: found["head"] + HIDDEN, text)
    text = _USER_FLAG.sub(lambda found: found["head"] + HIDDEN, text)
    text = _FLAG.sub(_without_value, text)
    text = _HOSTS.sub(lambda found: found["head"] + _coded(found["hosts"]), text)
    return MASKED.sub(HIDDEN, text)


def redacted_words(words: Sequence[str]) -> list[str]:
    """Arguments, one a word: `env HF_TOKEN=*** llama-server`, `--hf-token ***`."""
    if len(words) == _PAIRED and _names_secret(words[0], words[1]):
        return [words[0], HIDDEN]
    hidden = []
    before = ""
    for word in words:
        assigned = _ASSIGNED.fullmatch(word)
        if before in _RPC:
            hidden.append(_coded(word))
        elif before.startswith("-") and not _IS_FLAG.match(word) and _is_argument(before, word):
            hidden.append(HIDDEN)
        elif assigned and assigned["name"] in _RPC:
            hidden.append(f"{assigned['name']}={_coded(assigned['value'])}")
        elif assigned and _is_secret(assigned["name"], assigned["value"]):
            hidden.append(f"{assigned['name']}={HIDDEN}")
        else:
            hidden.append(redacted(word))
        before = word
    return hidden


def redacted_value(value: Any, name: str = "") -> Any:  # noqa: ANN401 - a value as JSON has it
    """A value as JSON has it: texts as `redacted` has them, and nothing of one whose name says that it is a secret."""
    if isinstance(value, str):
        return HIDDEN if _names_secret(name, value) else redacted(value)
    within = _names_secret(name, "text")
    if isinstance(value, dict):
        return {key: redacted_value(one, name if within else str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        if value and not within and all(isinstance(one, str) for one in value):
            return redacted_words(value)
        return [redacted_value(one, name) for one in value]
    return value


def _is_secret(name: str, value: str) -> bool:
    """Whether a name says that its value is a secret. Numbers and switches are none."""
    parts = [part.lower() for part in _PART.findall(name)]
    if not parts or parts == _OWN_OPTION or parts[-1] in _NOT_ITSELF or _PLAIN.fullmatch(value):
        return False
    if "".join(parts).endswith(_LISTS):
        return True
    return any(part in _WORDS or part.endswith(_ENDINGS) for part in parts)


def _names_secret(name: str, value: str) -> bool:
    """The same where names may be words like others."""
    return _is_secret(name, value) and (name.lower() not in _COMMON or _DRAWN.fullmatch(value) is not None)


def _is_argument(flag: str, value: str) -> bool:
    """Whether a flag's value is a secret: by its name, or as one of curl's with a user and a password."""
    return _is_secret(flag, value) or (flag in _USER_FLAGS and bool(_USER_FLAG.fullmatch(f"{flag} {value}")))


def _shapeless(found: re.Match[str]) -> str:
    value = found["bearer"] or found["basic"]
    return found[0].removesuffix(value) + HIDDEN if value else HIDDEN


def _without_parameter(found: re.Match[str]) -> str:
    hidden = len(found["value"]) >= _LONG_VALUE or _is_secret(found["name"], found["value"])
    return found["head"] + HIDDEN if hidden else found[0]


def _without_quoted(found: re.Match[str]) -> str:
    if not _names_secret(found["name"], found["value"]):
        return found[0]
    return f"{found['head']}{found['open']}{HIDDEN}{found['open']}"


def _without_listed(found: re.Match[str]) -> str:
    return f"{found['head']}[{HIDDEN}]" if _names_secret(found["name"], "text") else found[0]


def _without_named(text: str) -> str:
    """`name=value`, and `name: value` where it is no running text.

    What is no secret may begin with the name of one: `$env:HF_TOKEN="hush"`, `Environment="HF_TOKEN=hush"`.
    """
    shown, at, start = "", 0, 0
    while found := _NAMED.search(text, start):
        start = found.end()
        value = _VALUE.match(text, start) if _is_secret(found["name"], "text") else None
        if value is not None and _is_told(found["name"], found["sign"], value[0]):
            shown += text[at:start] + HIDDEN
            at = start = value.end()
    return shown + text[at:]


def _is_told(name: str, sign: str, value: str) -> bool:
    random = _RANDOM.match(value) is not None and _names_secret(name, value)
    return _is_secret(name, value) and ("=" in sign or name.lower() in _STRONG or random)


def _without_spaced(found: re.Match[str]) -> str:
    name, sign = found["name"], found["sign"]
    told = "=" in sign or name.lower() in _STRONG or (name.startswith("-") and sign.isspace())
    hidden = told and _is_secret(name, found["value"])
    return f"{found['head']}{HIDDEN}{found['close']}" if hidden else found[0]


def _without_element(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    hidden = _is_secret(name, value) and (name.lower() not in _COMMON or _RANDOM.match(value))
    return found["head"] + HIDDEN if hidden else found[0]


def _without_told(found: re.Match[str]) -> str:
    """What a sentence calls a secret: behind `provided:` anything, else what has digits among letters."""
    named = (found["told"] and found["sign"].strip()) or _MIXED.match(found["value"])
    return found["head"] + HIDDEN if named and not _PLAIN.fullmatch(found["value"]) else found[0]


def _without_value(found: re.Match[str]) -> str:
    return found["head"] + HIDDEN if _is_secret(found["name"], found["value"]) else found[0]


def _coded(hosts: str) -> str:
    return ",".join(one if _HERE.fullmatch(one) else f"host-{_digest(one)}" for one in hosts.split(","))


def _digest(host: str) -> str:
    return hashlib.sha256(host.encode("utf-8", "replace")).hexdigest()[:6]
