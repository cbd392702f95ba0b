"""The image, really built by buildah, and the agent run out of it with a read-only root, as by a container runtime."""

import asyncio
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[3]
LAB = SOURCE / ".lab" / "container"
BASE = "localhost/waldur-import-agent-test-base"
IMAGE = "localhost/waldur-import-agent-test"
PACKAGES = "python3,python3-venv,ca-certificates"
PIP_CONF = """\
[global]
cert = /etc/ssl/certs/ca-certificates.crt
disable-pip-version-check = true
"""


def call(*argv: str | Path) -> str:
    """Run a program; its output. A failure shows what it said."""
    ended = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{argv}: {ended.stdout[-3000:]}{ended.stderr[-3000:]}"
    return ended.stdout


def buildah(*argv: str | Path) -> str:
    """Buildah with a store of its own, which needs no overlay file system."""
    places = ("--root", LAB / "storage", "--runroot", LAB / "run", "--storage-driver", "vfs")
    return call("buildah", *places, *argv)


@dataclass(frozen=True)
class Image:
    """The built image: what it says of itself, and where its root is mounted."""

    config: dict[str, Any]
    root: Path
    bytes: int
    base_bytes: int


def build() -> Image:
    """Install what is needed, make a base, and build the image with it."""
    missing = [program for program in ("buildah", "mmdebstrap") if shutil.which(program) is None]
    if missing:
        apt = ("apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=600")
        call(*apt, "update")
        call(*apt, "install", "--no-install-recommends", *missing)
    LAB.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(LAB / "storage", ignore_errors=True)  # of an earlier run: vfs shares nothing, and grows
    base = LAB / "base.tar"
    if not base.exists():
        fresh = base.with_suffix(".new.tar")
        call("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", fresh)
        fresh.rename(base)
    scratch = buildah("from", "scratch").strip()
    buildah("add", "--quiet", scratch, base, "/")
    buildah("commit", "--quiet", "--rm", scratch, BASE)
    pip_conf = LAB / "pip.conf"
    pip_conf.write_text(PIP_CONF)
    buildah(
        *("build", "--isolation", "chroot", "--format", "docker", "--pull=never", "--no-cache"),
        *("--build-arg", f"BUILD_IMAGE={BASE}", "--build-arg", f"BASE_IMAGE={BASE}"),
        # this machine's way to its packages, while the image is built only
        *("--volume", f"{pip_conf}:/etc/pip.conf:ro", "--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"),
        *("--volume", "/etc/resolv.conf:/etc/resolv.conf:ro", "--tag", IMAGE, SOURCE),
    )
    config = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
    root = Path(buildah("mount", buildah("from", "--pull=never", IMAGE).strip()).strip())
    return Image(config, root, size_of(root), base.stat().st_size)


def size_of(root: Path) -> int:
    """The bytes of all files."""
    return int(call("du", "--summarize", "--bytes", "--one-file-system", root).split()[0])


@dataclass
class Container:
    """The image's root, read-only, in a mount namespace of its own, with these host directories in it."""

    image: Image
    volumes: dict[str, Path]

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start the image's entry point as its user, without a shell in the image, without capabilities."""
        root = self.image.root
        lines = [
            f"mount --bind {root} {root}",
            f"mount -t tmpfs none {root}/run",
            *(f"mkdir -p {root}{place} && mount --bind {path} {root}{place}" for place, path in self.volumes.items()),
            f"mount --bind /dev {root}/dev",
            f"mount -o remount,ro,bind {root} {root}",
            'exec chroot "$@"',
        ]
        environment = dict(entry.split("=", 1) for entry in self.image.config["Env"])
        user = self.image.config["User"]
        return await asyncio.create_subprocess_exec(
            *("unshare", "--mount", "sh", "-ec", "\n".join(lines), "sh", f"--userspec={user}", "--groups=", root),
            *("/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environment.items())),
            *(*self.image.config["Entrypoint"], *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"]},
        )

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run to the end: the exit code and all output."""
        process = await self.start(*arguments)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, (out + err).decode()
