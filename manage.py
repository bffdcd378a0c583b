"""The only command: prepares the requirements when they are missing, then runs the verb asked for.

Standard library only up to the last line of ``main``: a fresh clone has nothing else.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the point is to say it clearly on an older Python
    sys.exit(
        "Tremplin needs Python 3.11 or newer and this is Python "
        f"{sys.version_info[0]}.{sys.version_info[1]}: run it with a newer one, "
        "for example python3.11 manage.py demo."
    )

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
WINDOWS = sys.platform == "win32"
VENV_PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
DEVELOPER_VERBS = {"test", "bench"}
PROBES = {
    "base": ["django", "django_tenants", "allauth", "celery", "ninja", "pluggy", "psycopg"],
    "dev": ["pytest", "pytest_django", "playwright", "psutil"],
}
DJANGO = "5.2"
AGAIN = "and run the same command again, it continues where it stopped."

if importlib.util.find_spec("tremplin") is None:
    sys.path.insert(0, str(ROOT / "platform"))


class BootstrapError(Exception):
    """The requirements cannot be prepared; the message is one sentence."""


def requirements(name):
    """Path of a locked set, ``base`` or ``dev``."""
    return ROOT / "requirements" / f"{name}.txt"


def marker(name):
    """Path of the note that tells which version of a set the environment holds."""
    return VENV / f".tremplin-requirements-{name}"


def digest(name):
    """SHA-256 of a locked set, in hexadecimal."""
    return hashlib.sha256(requirements(name).read_bytes()).hexdigest()


def recorded(name):
    """Whether the environment was installed from the current text of this set."""
    try:
        return marker(name).read_text() == digest(name)
    except OSError:
        return False


def covers(name):
    """Whether ``.venv`` runs and holds a set: ``dev`` holds everything that ``base`` has."""
    # The interpreter is a link that breaks when the Python it was made from is removed.
    runs = os.access(VENV_PYTHON, os.X_OK)
    return runs and (recorded("dev") or (name == "base" and recorded("base")))


def importable(name):
    """Whether the running interpreter has a set, whoever installed it."""
    probes = PROBES["base"] + (PROBES["dev"] if name == "dev" else [])
    if any(importlib.util.find_spec(module) is None for module in probes):
        return False
    return importlib.metadata.version("django").startswith(f"{DJANGO}.")


def inside_venv():
    """Whether the running interpreter is the one of ``.venv``."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def stale():
    """Whether ``.venv`` was installed by this script from a lock that has changed since."""
    return any(marker(name).exists() for name in PROBES)


def venv_works():
    """Whether ``.venv`` has a recent enough Python with pip."""
    probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([str(VENV_PYTHON), "-c", probe], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def create_venv(progress):
    """Create or repair ``.venv``; an environment that works is left alone."""
    if venv_works():
        return
    if VENV_PYTHON.exists():  # made by another tool, without pip: add it rather than start over
        command = [str(VENV_PYTHON), "-m", "ensurepip"]
        subprocess.run(command, capture_output=True, check=False)
        if venv_works():
            return
    if any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        raise BootstrapError(
            "Python's venv module is missing: install it (python3-venv on Debian and Ubuntu) "
            + AGAIN
        )
    command = [sys.executable, "-m", "venv", *(["--clear"] if VENV.exists() else []), str(VENV)]
    with progress.step("Creating .venv"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BootstrapError(explain("Creating .venv failed", done.stdout + done.stderr))


def install(name, progress):
    """Install a locked set into ``.venv`` with its hashes checked, showing the package at work."""
    total = sum(1 for line in requirements(name).read_text().splitlines() if "==" in line)
    command = [str(VENV_PYTHON), "-m", "pip", "install", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "-r"]
    seen = 0
    output = []
    with progress.step(f"Installing {total} packages (requirements/{name}.txt)"):
        pip = subprocess.Popen(
            [*command, str(requirements(name))],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            for line in pip.stdout:
                output.append(line)
                if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                    seen += 1
                    package = line.split(": ")[-1].removeprefix("Collecting ").split("==")[0]
                    progress.note(f"{seen}/{total} {package.split()[0]}")
                elif line.startswith("Installing collected packages"):
                    progress.note("writing files")
        except BaseException:
            pip.terminate()
            raise
        if pip.wait():
            raise BootstrapError(explain("Installing the requirements failed", "".join(output)))
    marker(name).write_text(digest(name))


def explain(what, output):
    """One sentence for a failed step, from what it printed."""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return f"{what} because the disk is full: free some space {AGAIN}"
    if "DO NOT MATCH THE HASHES" in output:
        return (
            f"{what} because a downloaded file is not the one that was locked: nothing was "
            "installed; check the package index or proxy you use."
        )
    network = ("NewConnectionError", "ConnectTimeout", "ReadTimeout", "Name or service not known")
    network += ("Temporary failure in name resolution", "ProxyError", "Connection broken")
    network += ("(from versions: none)",)  # what is left when pip does not retry
    network += ("getaddrinfo failed", "Network is unreachable", "SSLError", "NameResolutionError")
    if any(word in output for word in network):
        return f"{what} because the package index cannot be reached: check the network {AGAIN}"
    if "Permission denied" in output or "Read-only file system" in output:
        return f"{what} because {ROOT} cannot be written: give yourself the right {AGAIN}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return f"{what}: {(errors or lines or ['no message'])[0]}"


@contextlib.contextmanager
def one_at_a_time():
    """Let a single command change ``.venv``; the others wait and find it ready."""
    if WINDOWS:
        yield
        return
    import fcntl

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def prepare(name, progress):
    """Return True when this interpreter can go on, False when ``.venv`` must take over."""
    home = inside_venv()
    if covers(name):
        return home
    if importable(name) and not (home and stale()):
        return True
    if not requirements(name).exists():
        raise BootstrapError(f"The file requirements/{name}.txt is missing: fetch the code again.")
    try:
        with one_at_a_time():
            if not covers(name):
                progress.line("Preparing the requirements, once for this version.")
                create_venv(progress)
                install(name, progress)
    except OSError as error:
        raise BootstrapError(explain("Preparing .venv failed", str(error))) from error
    return home


def hand_over(arguments):
    """Replace this process by the interpreter of ``.venv`` running the same command."""
    command = [str(VENV_PYTHON), str(ROOT / "manage.py"), *arguments]
    if WINDOWS:
        sys.exit(subprocess.call(command))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)  # noqa: S606


def main(arguments):
    """Run one command and return its exit status."""
    developer = arguments[:1] and arguments[0] in DEVELOPER_VERBS
    name = "dev" if developer or arguments[:2] == ["plugin", "check"] else "base"
    from tremplin.config.progress import Progress

    try:
        if not prepare(name, Progress()):
            hand_over(arguments)
    except BootstrapError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted: run the same command again, it continues.\n")
        return 130
    from tremplin.config import cli

    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
