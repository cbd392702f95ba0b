"""The pictures of the documentation."""

from documentation.drawing import Drawing


def states() -> str:
    """The four states of a request."""
    drawing = Drawing(
        430,
        "The four states of a backend resource request",
        "Staff create a request: Sent. The agent claims it: Processing. After a crash or an outage the agent "
        "takes it up again. It ends as Done, with all that can be placed reported, or as Erred, with a "
        "message.",
    )
    drawing.note(240, 28, "staff ask: what is on this backend?")
    drawing.arrow((240, 38), (240, 62))
    drawing.box(180, 64, 120, 44, "Sent", kind="blue")
    drawing.arrow((240, 108), (240, 160))
    drawing.note(252, 130, "the agent claims it:", "start_processing", start=True)
    drawing.box(180, 162, 120, 44, "Processing", kind="yellow")
    drawing.arrow((300, 176), (342, 176), (342, 194), (302, 194), dashed=True)
    drawing.note(352, 172, "crash or outage:", "the agent takes", "it up again", start=True)
    drawing.arrow((210, 206), (130, 272))
    drawing.arrow((270, 206), (350, 272))
    drawing.note(132, 240, "set_done")
    drawing.note(352, 240, "set_erred")
    drawing.box(60, 274, 140, 44, "Done", kind="green")
    drawing.box(280, 274, 140, 44, "Erred", kind="red")
    drawing.note(130, 340, "what can be placed", "is reported")
    drawing.note(350, 340, "a message that says", "what to do")
    drawing.note(240, 404, "Then staff import: a record becomes a resource.")
    return drawing.svg()


def a_round() -> str:
    """One round: what the agent does, and whom it asks."""
    drawing = Drawing(
        640,
        "A round",
        "The agent polls Waldur, claims the request, scans the backend in one bulk read, places each found "
        "resource in a project, plans, writes records with withdrawals last, lists them again as a receipt, "
        "and ends the request.",
    )
    for x, name, kind in ((66, "Waldur", "plain"), (240, "the agent", "blue"), (414, "the backend", "plain")):
        drawing.box(x - 56, 12, 112, 34, name, kind=kind)
    steps = [
        ("poll", "what is Sent?", "left"),
        ("claim", "noted on disk first", "out"),
        ("scan", "one bulk read", "right"),
        ("place", "which project?", ""),
        ("plan", "new, changed, gone", "left"),
        ("write", "withdrawals last", "out"),
        ("receipt", "is it as planned?", "left"),
        ("end", "Done or Erred", "out"),
    ]
    notes = {
        "poll": ("requests",),
        "claim": ("start_", "processing"),
        "scan": ("accounts,", "limits"),
        "plan": ("records,", "resources"),
        "write": ("records",),
        "receipt": ("records",),
        "end": ("set_done,", "set_erred"),
    }
    for number, (name, about, way) in enumerate(steps):
        y = 66 + number * 71
        kind = "yellow" if name == "claim" else "green" if name == "end" else "plain"
        drawing.box(155, y, 170, 50, name, about, kind=kind)
        if number:
            drawing.arrow((240, y - 21), (240, y - 2))
        if way == "left":
            drawing.arrow((110, y + 25), (153, y + 25))
        elif way == "out":
            drawing.arrow((155, y + 25), (112, y + 25))
        elif way == "right":
            drawing.arrow((370, y + 25), (327, y + 25))
        words = notes.get(name, ())
        drawing.note(60 if way != "right" else 420, y + 30 - (len(words) - 1) * 8.5, *words)
    return drawing.svg()


def service() -> str:
    """The agent as a service."""
    drawing = Drawing(
        330,
        "As a service",
        "systemd starts the agent on a host beside the backend. It polls Waldur over HTTPS, reads the "
        "backend, and keeps a journal on the disk.",
    )
    _outside(drawing)
    drawing.box(20, 82, 440, 236, "a host beside the backend", kind="frame")
    drawing.box(40, 122, 120, 60, "systemd", "Restart=always")
    drawing.box(188, 122, 120, 60, "agent", "run", kind="blue")
    drawing.arrow((160, 152), (186, 152))
    drawing.arrow((248, 122), (248, 60))
    drawing.note(258, 104, "HTTPS, every 30 s", start=True)
    drawing.arrow((308, 152), (334, 152))
    drawing.box(336, 122, 108, 60, "backend", "or its client")
    drawing.arrow((248, 182), (248, 226), both=True)
    drawing.box(143, 228, 210, 44, "/var/lib/…/journal", "what it has claimed")
    drawing.note(240, 300, "status.json, /metrics, /readyz: what it is doing")
    return drawing.svg()


def one_shot() -> str:
    """The agent by a timer."""
    drawing = Drawing(
        330,
        "Now and then",
        "A timer starts the agent every five minutes. It answers all that is Sent; its exit code tells how that went.",
    )
    _outside(drawing)
    drawing.box(20, 82, 440, 236, "a host beside the backend", kind="frame")
    drawing.box(40, 122, 120, 60, "timer or cron", "every 5 min")
    drawing.box(188, 122, 120, 60, "agent", "run --once", kind="blue")
    drawing.arrow((160, 152), (186, 152))
    drawing.arrow((248, 122), (248, 60))
    drawing.note(258, 104, "HTTPS, while it runs", start=True)
    drawing.arrow((308, 152), (334, 152))
    drawing.box(336, 122, 108, 60, "backend", "or its client")
    drawing.arrow((248, 182), (248, 226))
    drawing.box(143, 228, 210, 44, "exit code", "0, or what is the matter")
    drawing.note(240, 300, "a timer or a service for an offering, not both")
    return drawing.svg()


def sidecar() -> str:
    """The agent in a container beside the backend's client."""
    drawing = Drawing(
        400,
        "In a container",
        "The agent runs in a container with a read-only root. Configuration and token, the backend's client "
        "or its socket, and a volume for the journal are mounted.",
    )
    _outside(drawing)
    drawing.box(20, 82, 440, 306, "a host, or a pod", kind="frame")
    drawing.box(140, 122, 200, 60, "container: agent", "user 10001, read-only", kind="blue")
    drawing.arrow((240, 122), (240, 60))
    drawing.note(250, 104, "HTTPS, every 30 s", start=True)
    drawing.arrow((90, 226), (165, 184))
    drawing.arrow((240, 226), (240, 184), both=True)
    drawing.arrow((390, 226), (315, 184))
    drawing.box(34, 228, 120, 78, "read-only", "config.yaml", "token", kind="plain")
    drawing.box(170, 228, 140, 78, "volume", "the journal", "outlives it", kind="yellow")
    drawing.box(326, 228, 120, 78, "beside it", "munge socket", "slurm.conf")
    drawing.note(240, 336, "With OpenStack or slurmrestd nothing is beside it:")
    drawing.note(240, 354, "the backend is asked over HTTPS.")
    drawing.note(240, 376, "One agent for an offering: replicas: 1")
    return drawing.svg()


def _outside(drawing: Drawing) -> None:
    drawing.box(150, 12, 180, 46, "Waldur", "requests, records")
