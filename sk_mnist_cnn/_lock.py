"""Lock a file for one thread of one process, with the locks of the operating system."""

import contextlib
import errno
import os
import sys

# Errors of file systems without locks.
_UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextlib.contextmanager
def locked(path):
    """Hold an exclusive lock on a lock file, which is created, and removed afterwards.

    The operating system releases the lock of a process that is killed; its file remains, but is not locked.
    On a file system without locks, nothing is locked.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BlockingIOError
        If another thread or process holds the lock.
    """
    file = None
    try:
        file = _open_locked(path)
        yield
    finally:
        if file:
            _release(file, path)


def _open_locked(path):
    """Return the open, locked file. Unlike a descriptor, it is closed if Ctrl-C prevents the assignment."""
    while True:
        file = None
        try:
            file = path.open("ab", buffering=0)
            _lock(file)
            if _is_open(path, file):
                return file
        except BaseException:
            if file:
                file.close()
            raise
        file.close()  # the previous owner removed it between opening and locking


def _is_open(path, file):
    """Return whether the path is still that of the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file):
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error

    def _release(file, path):
        file.close()
        with contextlib.suppress(PermissionError):  # open elsewhere, and removed there
            os.unlink(path)

else:
    import fcntl

    def _lock(file):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise

    def _release(file, path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # while it is locked, so that no other owner's file is removed
        file.close()
