"""Lock files between threads and processes, with the locks of the operating system."""

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
    descriptor = _open_locked(path)
    try:
        yield
    finally:
        _release(descriptor, path)


def _open_locked(path):
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
            if _is_open(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the former owner removed it between opening and locking


def _is_open(path, descriptor):
    """Return whether the path is still that of the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor):
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error

    def _release(descriptor, path):
        os.close(descriptor)
        with contextlib.suppress(PermissionError):  # open elsewhere, and removed there
            os.unlink(path)

else:
    import fcntl

    def _lock(descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise

    def _release(descriptor, path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # while it is locked, so that no other owner's file is removed
        os.close(descriptor)
