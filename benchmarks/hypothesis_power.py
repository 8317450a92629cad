"""Power curves of the test: behaviors, seeds and effects.

python benchmarks/hypothesis_power.py [--reliability 0.7] [--studies 400]
"""

import argparse

from behaviordist.hypothesis.power import power

EFFECTS = (0.2, 0.3, 0.4, 0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reliability", type=float, default=0.7)
    parser.add_argument("--studies", type=int, default=400)
    asked = parser.parse_args()
    print(f"share of {asked.studies} studies that support it; reliability {asked.reliability}")
    for rho in EFFECTS:
        result = power(rho, reliability=asked.reliability, studies=asked.studies)
        print(f"\nrho = {rho} (columns: seeds)\n{result.table.round(2).to_string()}", flush=True)
        print(result.sentence())


if __name__ == "__main__":
    main()
