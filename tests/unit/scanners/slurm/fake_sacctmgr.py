"""A program that answers like sacctmgr, from files, and notes how it was started."""

import shutil
from pathlib import Path

RECORDED = Path(__file__).parent / "recorded"

SCRIPT = """#!/bin/sh
cd '{directory}'
echo "$*" >>starts
echo "SLURM_JWT=${{SLURM_JWT-none}} LC_ALL=$LC_ALL own=$(env | grep -c ^WALDUR_IMPORT_AGENT)" >>environments
case "$*" in
    --version) kind=version ;;
    *'show config') kind=config ;;
    *'show cluster '*) kind=cluster ;;
    *'show assoc wopi '*' account=root user= '*) kind=assoc-root ;;
    *'show assoc wopi '*' cluster='*) kind=assoc ;;
    *'show assoc wopi '*) kind=assoc-all-clusters ;;
    *'show assoc wopl '*' cluster='*) kind=assoc-wopl ;;
    *'show account where name=root '*) kind=root-account ;;
    *'show account '*,Organization) kind=account-org ;;
    *'show account '*,AdminLevel*,Description) kind=account-texts ;;
    *'show account '*,Description) kind=account-descr ;;
    *'show user withcoord '*) kind=user-coord ;;
    *'show user '*) kind=user ;;
    *'show qos '*) kind=qos ;;
    *) echo "nobody should ask for this: $*" >&2; exit 3 ;;
esac
if [ -e "$kind.sh" ]; then . "./$kind.sh"; fi
cat "$kind.out"
"""


class FakeSacctmgr:
    """The program and its answers, those of `recorded` at first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for file in RECORDED.glob("*.out"):
            shutil.copy(file, directory)
        self.program = directory / "sacctmgr"
        self.program.write_text(SCRIPT.format(directory=directory))
        self.program.chmod(0o755)

    def answer(self, kind: str, printed: str | bytes) -> None:
        """Give another answer to one kind of read."""
        content = printed.encode() if isinstance(printed, str) else printed
        (self.directory / f"{kind}.out").write_bytes(content)

    def recorded(self, kind: str) -> str:
        """The answer that it would give now."""
        return (self.directory / f"{kind}.out").read_text()

    def release(self, version: str) -> None:
        """Be of another release; the columns of its associations are another matter."""
        self.answer("config", self.recorded("config").replace("22.05.8", version))

    def private(self, words: str) -> None:
        """Have another PrivateData in slurmdbd.conf."""
        own, dbd = self.recorded("config").split("SlurmDBD configuration:")
        self.answer("config", f"{own}SlurmDBD configuration:{dbd.replace('= none', f'= {words}')}")

    def behave(self, kind: str, shell: str) -> None:
        """Run shell code before one kind of read is answered; an `exit` in it prevents the answer."""
        (self.directory / f"{kind}.sh").write_text(shell)

    @property
    def starts(self) -> list[str]:
        """The arguments of each start."""
        file = self.directory / "starts"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def environments(self) -> list[str]:
        """SLURM_JWT and LC_ALL of each start."""
        return (self.directory / "environments").read_text().splitlines()
