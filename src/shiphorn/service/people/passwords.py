"""Which passwords are good enough."""

from __future__ import annotations

from shiphorn.errors import Refused

SHORTEST = 10
LONGEST = 1000
_LIST = """
    1234567890 12345678910 123456789a 0123456789 0987654321 9876543210 1111111111 0000000000
    1122334455 123123123123 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc qwertyuiop qwerty1234 qwerty12345
    qwerty123456 asdfghjkl1 zxcvbnm123 azertyuiop abcdefghij abcd123456 abc1234567 password12
    password123 password1234 password12345 passw0rd123 p@ssw0rd123 p@ssword123 passwordpassword mypassword
    changeme123 changemenow letmein123 letmeinnow welcome123 welcome1234 administrator administrateur
    admin12345 admin123456 adminadmin rootroot12 iloveyou12 iloveyou123 superman123 football123
    baseball123 basketball sunshine123 princess123 dragon12345 monkey12345 michelle123 liverpool1
    manchester starwars123 trustno1trustno1 correcthorsebatterystaple shiphorn123 shiphornshiphorn
    deploydeploy
"""
_COMMON = frozenset(_LIST.split())
"""The most common ones that are long enough, of the lists of leaked passwords."""


def require_good(password: str, login: str) -> None:
    """Raise Refused SH553 for a password that is too short, the login, or known to everybody."""
    plain = password.lower()
    if len(password) < SHORTEST:
        problem = f"it is shorter than {SHORTEST} characters"
    elif len(password) > LONGEST:
        problem = f"it is longer than {LONGEST} characters"
    elif login and plain.strip() in (login, login + login, login[::-1]):
        problem = "it is the login"
    elif plain in _COMMON or len(set(plain)) < 3:
        problem = "it is one of those that are tried first"
    else:
        return
    raise Refused(
        "SH553", f"this password will not do: {problem}.", hint="Four words that nobody expects do."
    )
