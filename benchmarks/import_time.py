"""How long does `import skmst` take beyond `import sklearn`? Fresh interpreters, interleaved, the fastest of each.

python benchmarks/import_time.py
"""

import subprocess
import sys
import time


def seconds(statement):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    pairs = [(seconds("import sklearn"), seconds("import sklearn, skmst")) for _ in range(15)]
    alone, together = (min(times) for times in zip(*pairs, strict=True))
    print(f"import sklearn {alone:.3f} s, with skmst {together:.3f} s: skmst adds {together - alone:.3f} s")
