"""Press Ctrl-C at any point of a module where Python looks for signals."""

import dis
import sys

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
