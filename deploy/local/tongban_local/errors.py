"""What can go wrong with the local stack; every message says what to do."""


class LocalStackError(Exception):
    """The stack cannot do what was asked. The text is shown to the person as it is."""


class MissingToolError(LocalStackError):
    """A program or package that the machine lacks."""

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"{what} 未找到 is missing. 安装 Install: {install}")
        self.what = what
        self.install = install
