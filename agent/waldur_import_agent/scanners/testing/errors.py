"""How a requirement is not met, or not checked."""


class ConformanceError(AssertionError):
    """The scanner does not keep a promise; the text says what happened and what should have."""


class NotGivenError(AssertionError):
    """The suite does not give what a check needs. `hook` is the method to override, `needs` what it has to give."""

    def __init__(self, hook: str, needs: str) -> None:
        super().__init__(
            f"this needs {needs}: override `{hook}`, or name the check in `exemptions` with the reason why not"
        )
        self.hook = hook
        self.needs = needs


def require(condition: object, text: str) -> None:
    """Raise ConformanceError with `text` unless `condition` holds."""
    if not condition:
        raise ConformanceError(text)
