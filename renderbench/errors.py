"""The two kinds of failure a user can meet, each one line long."""


class RenderbenchError(Exception):
    """A failure that is reported as one line, without a traceback.

    Args:
        subject: what the line is about: a file, a scan, a key of a suite.
        problem: what was expected and what was found.
        remedy: what to do about it.
        private: what the user's own terminal may show and no record may keep, such as the names of files
            that can name a patient.
    """

    exit_code = 1

    def __init__(self, subject: object, problem: str, remedy: str, private: str = "") -> None:
        self.subject, self.problem = _printable(str(subject)), _printable(problem)
        self.remedy, self.private = _printable(remedy), _printable(private)
        shown = f" ({self.private})" if private else ""
        super().__init__(f"{self.subject}: {self.problem}{shown}; {self.remedy}")

    @property
    def for_record(self) -> str:
        """The line without what is private."""
        return f"{self.subject}: {self.problem}; {self.remedy}"

    def __reduce__(self) -> tuple[type, tuple[str, str, str, str]]:
        return type(self), (self.subject, self.problem, self.remedy, self.private)


def _printable(text: str) -> str:
    """``text`` in one line of UTF-8: a file's name may hold ends of lines, and bytes that are no text."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


class InputError(RenderbenchError):
    """Bad input (exit code 2): a file, a setting or an argument that cannot be used as given."""

    exit_code = 2


class Excluded(InputError):
    """A sound scan that lies outside what a benchmark takes: too many voxels, axes that are not orthonormal.

    A dataset whose descriptor states that filter leaves the scan out and keeps the reason; anywhere else
    it is bad input like any other.
    """


class JobError(RenderbenchError):
    """A job that failed on good input (exit code 1)."""

    exit_code = 1
