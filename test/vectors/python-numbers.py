"""Prints python-numbers.json: JSON numbers as written, and as Python prints them once whole floats are integers.

    python3 test/vectors/python-numbers.py > test/vectors/python-numbers.json
"""
import json
import random
import struct

random.seed(20260101)


def shorten(value):
    return int(value) if isinstance(value, float) and value.is_integer() else value


texts = """0 -0 0.0 -0.0 0e0 -0e5 1 -1 1.0 -1.0 100.00 96.50 12.340 0.1 0.2 0.30000000000000004 2e3 2E3 2e+3 2E-3 1e22 1e21 1e16
1e15 123456789012345678901234567890 -123456789012345678901234567890 9007199254740993 9007199254740993.0 0.001 0.0001
0.00010 0.00001 0.000099999 -0.00001 1.5e-7 1e-7 1e-10 1e-100 1.2345678901234567e-05 5e-324 -5e-324 2.2250738585072014e-308
1.7976931348623157e308 123456789.125 10000000000000000.0 9999999999999998.0 4503599627370495.5 0.5 1e-4 9.999e-5
3.141592653589793 100 95.26 0.96 1e2 1.10 1e-320 123e-7 0.0000123 1000000.5 12345678.90 1e0 1e1 1E400e""".split()
texts = [text for text in texts if not text.endswith("e")]
for _ in range(400):
    value = struct.unpack("<d", struct.pack("<Q", random.getrandbits(64)))[0]
    if value == value and abs(value) != float("inf"):
        texts.append(repr(value))
for _ in range(200):
    value = random.uniform(0, 1) * 10 ** random.randint(-9, 3)
    texts += [repr(value), f"{value:.12f}", f"{value:.3e}"]

print(json.dumps([[text, json.dumps(shorten(json.loads(text)))] for text in texts], indent=0))
