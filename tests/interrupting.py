"""Press Ctrl-C at any point of a module where Python looks for signals, or after some epochs of a fit."""

import dis
import sys
from unittest import mock

import pytest

from sk_mnist_cnn._keras import engine
from sk_mnist_cnn._keras.backend import keras

# Instructions after which Python raises the KeyboardInterrupt of a signal.
_LOOKS_FOR_SIGNALS = {"CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD", "RESUME"}


def interrupt(function, file, n_before):
    """Call a function, and raise KeyboardInterrupt at a point of the module in `file`; `n_before` come first.

    Returns whether it was raised, which is False once the function has fewer points.
    """
    n_left = n_before
    last = {}  # the last instruction of each frame

    def trace(frame, event, argument):
        nonlocal n_left
        if frame.f_code.co_filename != file:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            before = last.get(frame)
            last[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before in _LOOKS_FOR_SIGNALS:
                n_left -= 1
                if n_left < 0:
                    sys.settrace(None)
                    raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
        last.clear()
    return False


class _StopAfter(keras.callbacks.Callback):
    """Stop a fit after `n_epochs` epochs."""

    def __init__(self, n_epochs):
        super().__init__()
        self._left = n_epochs

    def on_epoch_end(self, epoch, logs=None):
        self._left -= 1
        if self._left == 0:
            self.model.stop_training = True


def interrupt_fit(clf, *data, after, **fit_params):
    """Interrupt a fit after `after` epochs, when the training has ended and its result is not stored yet.

    The engine keeps the network then, so that the next fit does not compile it again. A network that is
    interrupted while it trains is dropped.
    """
    callbacks = clf.callbacks
    clf.set_params(callbacks=[*(callbacks or ()), _StopAfter(after)])
    ctrl_c = mock.patch.object(engine, "_refuse_overflow", side_effect=KeyboardInterrupt)
    with ctrl_c, pytest.raises(KeyboardInterrupt):
        clf.fit(*data, **fit_params)
    return clf.set_params(callbacks=callbacks)
