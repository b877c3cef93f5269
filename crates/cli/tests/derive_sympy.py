"""SymPy derives what `cofactor derive MODEL --json` derives.

    python crates/cli/tests/derive_sympy.py path/to/cofactor

The objective is written out in named numbers for vectors of two; SymPy differentiates it by each of them, and the difference from the
gradient of Cofactor has to be zero as an expression. Of normal equations, left side less right side has to be the gradient
but for a constant factor.
"""

import json
import re
import subprocess
import sys

import sympy

VARIANTS = [
    ["mf", "--preset", "lesson"],
    ["mf"],
    ["mf", "--set", "link=logistic"],
    ["svdpp"],
    ["svdpp", "--preset", "koren"],
    ["als"],
    ["als", "--set", "biases=false"],
    ["nmf"],
    ["baseline"],
    ["ials"],
    ["bpr"],
    ["logistic-mf"],
]


def symbols(texts):
    """A positive symbol for each name, so that SymPy multiplies powers of powers out."""
    words = {word for text in texts for word in re.findall(r"[A-Za-z]\w*", text)} - {"exp", "log"}
    return {word: sympy.Symbol(word, positive=True) for word in words}


def is_zero(expression):
    return sympy.simplify(sympy.expand(sympy.simplify(expression))) == 0


def check(scalar):
    texts = [scalar["objective"]] + [g["gradient"] for g in scalar["gradients"]]
    texts += [side for e in scalar["equations"] for side in (e["left"], e["right"])]
    names = symbols(texts)

    def read(text):
        return sympy.sympify(text, locals=names)

    objective = read(scalar["objective"])
    slopes = {}
    for gradient in scalar["gradients"]:
        slopes[gradient["by"]] = sympy.diff(objective, names[gradient["by"]])
        found = read(gradient["gradient"])
        assert slopes[gradient["by"]] != 0, f"the objective does not hold {gradient['by']}"
        assert is_zero(slopes[gradient["by"]] - found), (gradient["by"], found, slopes[gradient["by"]])
    for equation in scalar["equations"]:
        excess = read(equation["left"]) - read(equation["right"])
        factor = sympy.simplify(slopes[equation["by"]] / excess)
        assert factor.is_number and factor != 0, (equation["by"], factor)
    return len(scalar["gradients"]), len(scalar["equations"])


def main(command):
    for variant in VARIANTS:
        answer = subprocess.run([command, "derive", *variant, "--json"], capture_output=True, check=True)
        for objective in json.loads(answer.stdout)["objectives"]:
            gradients, equations = check(objective["scalar"])
            assert gradients > 1
            print(f"{' '.join(variant)}: {gradients} derivatives and {equations} equations, as SymPy has them")


if __name__ == "__main__":
    main(sys.argv[1])
