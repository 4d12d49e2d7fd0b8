"""`TrainerPool`: a pool of trainers by key, each used by one fit at a time."""

import threading
from contextlib import contextmanager


class TrainerPool:
    """Pool of trainers, by the settings built into their graphs; the least recently used are removed.

    A fit waits for another fit with the same key, and then uses the same trainer. It does not wait for a fit
    that calls the user's code, because that code may itself wait for this fit: it builds a new trainer
    instead, and the pool keeps both.
    """

    def __init__(self, size):
        self._size = size
        self._idle = []  # pairs of a key and a trainer, the last used at the end
        self._in_use = {}  # the key of each thread's fit, for fits that call no user code
        # Used instead of the condition itself, which Ctrl-C can leave locked.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    @contextmanager
    def borrow(self, key, create, *, calls_user_code):
        """Yield a trainer for one fit. It is removed from the pool if the fit fails or changes it.

        Parameters
        ----------
        key : hashable
        create : callable
            Returns a new trainer.
        calls_user_code : bool
            Whether the fit runs the user's callbacks, layers or optimizer.
        """
        thread = threading.current_thread()
        trainer, unchanged = None, False
        try:
            with self._lock:
                self._changed.wait_for(lambda: self._find_idle(key) is not None or not self._is_in_use(key))
                if not calls_user_code:
                    self._in_use[thread] = key
                position = self._find_idle(key)
                trainer = None if position is None else self._idle.pop(position)[1]
            trainer = trainer or create()
            yield trainer
            unchanged = trainer.is_unchanged()
        finally:
            with self._lock:
                self._in_use.pop(thread, None)
                if unchanged:
                    self._idle = [*self._idle, (key, trainer)][-self._size :]
                self._changed.notify_all()

    def _find_idle(self, key):
        """Return the position of the most recently used trainer with this key, or None."""
        positions = [i for i, (other, _) in enumerate(self._idle) if other == key]
        return positions[-1] if positions else None

    def _is_in_use(self, key):
        """Return whether another thread uses a trainer with this key.

        If this thread has a key, it is that of an earlier fit, which Ctrl-C ended before the key was removed.
        """
        return any(
            other == key and thread is not threading.current_thread() and thread.is_alive()
            for thread, other in self._in_use.items()
        )
