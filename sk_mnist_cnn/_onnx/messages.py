"""Write the messages of ONNX files in the binary format of Protocol Buffers.

The package onnx writes them too, but predictions would wait until it is imported.
"""

import struct

import numpy as np

# Numbers of the fields that are used here, from onnx.proto.
_FIELDS = {
    "ModelProto": {"ir_version": 1, "producer_name": 2, "producer_version": 3, "graph": 7, "opset_import": 8},
    "OperatorSetIdProto": {"domain": 1, "version": 2},
    "GraphProto": {"node": 1, "name": 2, "initializer": 5, "input": 11, "output": 12},
    "NodeProto": {"input": 1, "output": 2, "name": 3, "op_type": 4, "attribute": 5},
    "AttributeProto": {"name": 1, "f": 2, "i": 3, "ints": 8, "type": 20},
    "TensorProto": {
        "dims": 1,
        "data_type": 2,
        "string_data": 6,
        "name": 8,
        "raw_data": 9,
        "external_data": 13,
        "data_location": 14,
    },
    "StringStringEntryProto": {"key": 1, "value": 2},
    "ValueInfoProto": {"name": 1, "type": 2},
    "TypeProto": {"tensor_type": 1},
    "TypeProto.Tensor": {"elem_type": 1, "shape": 2},
    "TensorShapeProto": {"dim": 1},
    "TensorShapeProto.Dimension": {"dim_value": 1, "dim_param": 2},
}

# Dtypes in the order of the ONNX element types, from 1 on. Strings have dtype object.
_ELEMENT_TYPES = (
    *("float32", "uint8", "int8", "uint16", "int16", "int32", "int64"),
    *("object", "bool", "float16", "float64", "uint32", "uint64"),
)
_EXTERNAL = 1  # data_location of values that are not in the file


def message(kind, **fields):
    """Return a message, whose values are int, float, str or bytes, or a list of them for repeated fields."""
    numbers = _FIELDS[kind]
    return b"".join(
        _field(numbers[name], item)
        for name, value in fields.items()
        for item in (value if isinstance(value, list | tuple) else [value])
    )


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value % 2**64)
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value):
    """Return an integer >= 0 in groups of 7 bits, the lowest ones first; all but the last have bit 7 set."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def element_type(dtype):
    """Return the ONNX element type of a NumPy dtype; strings have dtype object."""
    return 1 + _ELEMENT_TYPES.index(_exported(np.dtype(dtype)).name)


def tensor(name, value):
    """Return the values of an array as a TensorProto."""
    value = value.astype(_exported(value.dtype), copy=False)
    strings = value.dtype == object
    values = {"string_data": value.ravel().tolist()} if strings else {"raw_data": value.tobytes()}
    return message("TensorProto", name=name, data_type=element_type(value.dtype), dims=value.shape, **values)


def external_tensor(name, dtype, shape):
    """Return a TensorProto without values."""
    location = message("StringStringEntryProto", key="location", value=name)
    return message(
        "TensorProto",
        name=name,
        data_type=element_type(dtype),
        dims=shape,
        data_location=_EXTERNAL,
        external_data=[location],
    )


def batch(name, dtype, shape):
    """Return the ValueInfoProto of a batch of any size, of arrays of this shape."""
    dims = [
        message("TensorShapeProto.Dimension", dim_param="n"),
        *(message("TensorShapeProto.Dimension", dim_value=size) for size in shape),
    ]
    shape = message("TensorShapeProto", dim=dims)
    tensor_type = message("TypeProto.Tensor", elem_type=element_type(dtype), shape=shape)
    return message("ValueInfoProto", name=name, type=message("TypeProto", tensor_type=tensor_type))


def node(operator, inputs, output, attributes):
    """Return a NodeProto with the name of its output."""
    attributes = [_attribute(name, value) for name, value in attributes.items()]
    return message(
        "NodeProto", input=inputs, output=output, name=output, op_type=operator, attribute=attributes
    )


def _attribute(name, value):
    """Return an AttributeProto: a float, an int or several of them."""
    field, kind = {float: ("f", 1), int: ("i", 2)}.get(type(value), ("ints", 7))
    return message("AttributeProto", name=name, type=kind, **{field: value})


def _exported(dtype):
    """Return the dtype of exported values: in little-endian byte order, and float64 for longdouble."""
    is_longdouble = dtype.kind == "f" and dtype.itemsize > 8
    return np.dtype("<f8") if is_longdouble else dtype.newbyteorder("<")
