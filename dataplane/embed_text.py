#!/usr/bin/env python3
"""Writes a C++ source that holds a text file: embed_text.py INPUT OUTPUT SYMBOL.

The symbol is a std::string_view in namespace ringroad, declared by whoever uses it.
"""
import sys

source, target, symbol = sys.argv[1:]
with open(source, "rb") as file:
    data = file.read()
lines = [", ".join(str(byte) for byte in data[at : at + 20]) for at in range(0, len(data), 20)]
with open(target, "w", encoding="ascii") as file:
    file.write("#include <string_view>\n\nnamespace ringroad {\nnamespace {\n")
    file.write("constexpr char kBytes[] = {\n    " + ",\n    ".join(lines) + "};\n")
    file.write("}  // namespace\n")
    file.write(f"extern const std::string_view {symbol};\n")
    file.write(f"const std::string_view {symbol}(kBytes, sizeof kBytes);\n")
    file.write("}  // namespace ringroad\n")
