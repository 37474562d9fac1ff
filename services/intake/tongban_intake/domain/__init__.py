"""What intake decides, as pure functions on the set of facts of a case.

`history` folds the facts, `filing` is what the applicant does, `receiving` what the receiving body does, `timing` what time does.
"""

from tongban_intake.domain.filing import request_digest, submit
from tongban_intake.domain.history import (
    HEARD,
    MODELS,
    SOURCE,
    Answers,
    Ending,
    History,
    current_answers,
    submission,
    tells_something,
)

__all__ = [
    "HEARD",
    "MODELS",
    "SOURCE",
    "Answers",
    "Ending",
    "History",
    "current_answers",
    "request_digest",
    "submission",
    "submit",
    "tells_something",
]
