"""`TrainerPool`: a pool of trainers by key, each used by one fit at a time."""

import threading
from collections import Counter, OrderedDict
from contextlib import contextmanager


class TrainerPool:
    """Pool of trainers, by the settings built into their graphs; the least recently used are dropped.

    A fit waits for another fit with the same key, and then uses the same trainer. It does not wait for a fit
    that calls the user's code, because that code may itself wait for this fit: it builds a new trainer
    instead.
    """

    def __init__(self, size):
        self._size = size
        self._idle = OrderedDict()
        self._in_use = Counter()  # fits that call no user code, by key
        self._changed = threading.Condition()

    @contextmanager
    def borrow(self, key, create, *, calls_user_code):
        """Yield a trainer for one fit. It is dropped if the fit fails or changes it.

        Parameters
        ----------
        key : hashable
        create : callable
            Returns a new trainer.
        calls_user_code : bool
            Whether the fit runs callbacks.
        """
        with self._changed:
            self._changed.wait_for(lambda: key in self._idle or not self._in_use[key])
            trainer = self._idle.pop(key, None)
            if not calls_user_code:
                self._in_use[key] += 1
        unchanged = False
        try:
            trainer = trainer or create()
            yield trainer
            unchanged = trainer.is_unchanged()
        finally:
            with self._changed:
                if not calls_user_code:
                    self._in_use.subtract([key])
                    self._in_use = +self._in_use  # without the keys that are not in use
                if unchanged:
                    self._idle[key] = trainer
                    self._idle.move_to_end(key)
                    if len(self._idle) > self._size:
                        self._idle.popitem(last=False)
                self._changed.notify_all()
