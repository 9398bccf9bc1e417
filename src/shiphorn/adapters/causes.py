"""Why somebody at the other end of a connection gave no answer, by the innermost cause of an error."""

from __future__ import annotations

import ssl

NO_ANSWER = "no answer: "


def reason(error: Exception, ahead: str = "") -> str:
    """In a few words; `ahead` comes before those that are not ours, such as an operating system's."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    match cause:
        case ConnectionRefusedError():
            return "connection refused"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {cause.verify_message}"
        case OSError() if cause.strerror:
            return f"{ahead}{cause.strerror}"
        case _:
            return f"{ahead}{str(cause) or type(cause).__name__}"
