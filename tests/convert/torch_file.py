"""Writes what torch.save writes, without torch: a ZIP archive of stored entries with a pickle of protocol 2."""

import collections
import io
import json
import pickle
import sys
import types
import zipfile

import numpy

_STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "uint16": "BFloat16Storage", "int64": "LongStorage"}


class _Storage:
    def __init__(self, kind, key, elements):
        self.kind, self.key, self.elements = kind, key, elements


class _Tensor:
    def __init__(self, storage, offset, shape, stride):
        self.arguments = (storage, offset, shape, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


def _named(module, name):
    """Something that pickles as a reference to this name."""
    made = type(name, (), {"__module__": module, "__qualname__": name})
    setattr(sys.modules[module], name, made)
    return made


class _Pickler(pickle._Pickler):  # the one in Python: it asks persistent_id of everything
    def persistent_id(self, value):
        if isinstance(value, _Storage):
            return "storage", value.kind, value.key, "cpu", value.elements
        return None


def _modules():
    modules = {name: types.ModuleType(name) for name in ("torch", "torch._utils")}
    modules["torch"]._utils = modules["torch._utils"]
    return modules


def write(path, tensors, *, ordered=True):
    """name → array; uint16 arrays are BF16 bits. Arrays of one object share a storage, as a tied head does."""
    kept = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update(_modules())
    try:
        _named("torch._utils", "_rebuild_tensor_v2")
        kinds = {name: _named("torch", name) for name in _STORAGES.values()}
        storages, data = {}, []
        state = collections.OrderedDict() if ordered else {}
        for name, array in tensors.items():
            if id(array) not in storages:
                storages[id(array)] = _Storage(kinds[_STORAGES[array.dtype.name]], str(len(data)), array.size)
                data.append(numpy.ascontiguousarray(array).tobytes())
            stride = tuple(step // array.itemsize for step in numpy.ascontiguousarray(array).strides)
            state[name] = _Tensor(storages[id(array)], 0, tuple(array.shape), stride)
        if ordered:
            state._metadata = collections.OrderedDict({"": {"version": 1}})  # as a module's state_dict has it
        text = io.BytesIO()
        _Pickler(text, 2).dump(state)
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    root = path.stem
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{root}/data.pkl", text.getvalue())
        archive.writestr(f"{root}/byteorder", "little")
        for key, values in enumerate(data):
            with archive.open(f"{root}/data/{key}", "w", force_zip64=key % 2 == 1) as entry:  # large ones need it
                entry.write(values)
        archive.writestr(f"{root}/version", "3\n")


def write_shards(folder, tensors, shards):
    """The released TeleChat-7B's file names."""
    names, places = list(tensors), {}
    for number in range(shards):
        file = f"pytorch_model_{number + 1:05}-of-{shards:05}.bin"
        write(folder / file, {name: tensors[name] for name in names[number::shards]})
        places.update({name: file for name in names[number::shards]})
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
