"""The line protocol, for every program in Python: verbs by name, each a function of its parameters."""

import json
import os
import queue
import sys


class Absent(Exception):
    """The SDK offers no such thing."""


def serve(verbs):
    out = os.fdopen(os.dup(1), "w", buffering=1)
    # What SDKs print must not come between the answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        parameters = json.loads(line)
        print(json.dumps(answer(verbs.get(parameters.pop("verb")), parameters)), file=out)
    # Threads of clients that were not shut down must not keep it from ending.
    os._exit(0)


def answer(verb, parameters):
    if verb is None:
        return {"absent": "the SDK has no such call"}
    try:
        return {"value": verb(**parameters)}
    except Absent as absent:
        return {"absent": str(absent)}
    # Whatever an SDK raises is what its user would meet.
    except BaseException as error:
        cause = f" ({error.__cause__!r})" if error.__cause__ else ""
        return {"error": {"name": type(error).__name__, "message": f"{error}{cause}"}}


class Inbox(queue.Queue):
    """What came, for those who ask for it later."""

    def take(self):
        # The runner has given up by then.
        return self.get(timeout=30)
