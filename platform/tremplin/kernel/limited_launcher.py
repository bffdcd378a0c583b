"""Sets the limits of a child process, then becomes the script: see ``limited_process``.

Run as ``python -I limited_launcher.py MEMORY_MB CPU_SECONDS OPEN_FILES SCRIPT``. Standard library
only, and as little of it as possible before the limits hold.
"""

import sys

OUT_OF_MEMORY = 77


def limit(memory_mb: int, cpu_seconds: int, open_files: int) -> None:
    """Apply the limits to this process; nothing happens where the system has none."""
    try:
        import resource
    except ImportError:
        return
    for what, value in (
        (resource.RLIMIT_AS, memory_mb << 20),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        _, ceiling = resource.getrlimit(what)
        wanted = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
        resource.setrlimit(what, (wanted, wanted))


def main(arguments: list[str]) -> None:
    """Limit this process and run the script as ``__main__``."""
    memory_mb, cpu_seconds, open_files, script = arguments
    limit(int(memory_mb), int(cpu_seconds), int(open_files))
    import runpy

    sys.argv = [script]
    try:
        runpy.run_path(script, run_name="__main__")
        sys.stdout.flush()
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main(sys.argv[1:])
