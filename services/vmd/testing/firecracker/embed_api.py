"""embed_api.py YAML OUTPUT: an API description as a C++ string of JSON."""
import json
import sys

import yaml

with open(sys.argv[1], encoding="utf-8") as source:
    text = json.dumps(yaml.safe_load(source))
with open(sys.argv[2], "w", encoding="utf-8") as output:
    output.write('#include "services/vmd/testing/firecracker/api_schema.h"\n')
    output.write("namespace banger::vmd {\n")
    output.write(f'const char kFirecrackerApi[] = R"json({text})json";\n')
    output.write("}  // namespace banger::vmd\n")
