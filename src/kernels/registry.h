/* Every activation function and every cost, a row each. From the rows come their codes, the names by which Python asks
 * for them, and the arms of the kernels' switches. A row needs besides
 *
 *     an activation   <name>_of and <name>_prime_at in activations.h, and its NumPy form in cbackprop/activations.py
 *     a cost          <name>_cost in outputs.h, and its class in cbackprop/costs.py
 *
 * Without the first nothing compiles, without the second nothing is imported. */
#ifndef CBACKPROP_REGISTRY_H
#define CBACKPROP_REGISTRY_H

/* ROW(CODE, name): functions of each neuron alone. */
#define ACTIVATIONS(ROW)  \
    ROW(SIGMOID, sigmoid) \
    ROW(LINEAR, linear)   \
    ROW(TANH, tanh)       \
    ROW(RELU, relu)       \
    ROW(SOFTPLUS, softplus)

/* ROW(CODE, name, Python's name, delta^L) */
#define COSTS(ROW)                                                    \
    ROW(QUADRATIC, quadratic, "QuadraticCost", TIMES_DERIVATIVE)      \
    ROW(CROSS_ENTROPY, cross_entropy, "CrossEntropyCost", DIFFERENCE) \
    ROW(LOG_LIKELIHOOD, log_likelihood, "LogLikelihoodCost", DIFFERENCE)

/* What the output error delta^L is. */
enum {
    TIMES_DERIVATIVE, /* (a - y) f'(z) */
    DIFFERENCE,       /* a - y */
    CUSTOM_DELTA      /* what the user's own function says: no kernel knows it */
};

#define CODE_OF(CODE, ...) CODE,
enum {
    ACTIVATIONS(CODE_OF) SOFTMAX, /* of a whole row, and of the output layer alone: a kernel of its own */
    N_ACTIVATIONS
};
enum { COSTS(CODE_OF) N_COSTS };
#undef CODE_OF

/* Layers in memory that is all 0 are layers of sigmoids. */
_Static_assert(SIGMOID == 0, "the first row must be the sigmoid's");

/* Python's name of the activation, or the cost, with this code, below N_ACTIVATIONS or N_COSTS. */
static inline const char *activation_name(int code) {
#define NAME_OF(CODE, name) #name,
    static const char *const names[] = {ACTIVATIONS(NAME_OF) "softmax"};
#undef NAME_OF
    return names[code];
}
static inline const char *cost_name(int code) {
#define NAME_OF(CODE, name, python_name, error) python_name,
    static const char *const names[] = {COSTS(NAME_OF)};
#undef NAME_OF
    return names[code];
}

/* The output error that belongs to the cost with this code. */
static inline int cost_output_error(int code) {
#define ERROR_OF(CODE, name, python_name, error) error,
    static const int errors[] = {COSTS(ERROR_OF)};
#undef ERROR_OF
    return errors[code];
}

#endif
