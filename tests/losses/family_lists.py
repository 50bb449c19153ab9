"""The losses on lists and vectors have contracts of their own; what the one of the documentation must know of them."""

VARIANTS: dict[str, list[str]] = {}
NAIVE: dict[str, object] = {}
EXEMPT = {
    "cosine": {
        "multinomial": "the size of the scores is learned",
        "wrmf": "squared errors are of scores without a bound",
        "logistic": "the logistic function of a cosine spans a part of its range only",
        "lambdaloss": "published with inner products",
    },
}
