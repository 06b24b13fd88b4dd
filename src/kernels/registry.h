/* Every activation function and every cost, a row each. The rows give their codes, the names that Python uses for them,
 * and the cases of the kernels' switches. A row also needs
 *
 *     an activation   <name>_of and <name>_prime_at in templates/activations.h, and its NumPy form in
 *                     cbackprop/activations.py
 *     a cost          <name>_cost in templates/outputs.h, and its class in cbackprop/costs.py
 *
 * Without the C nothing compiles; without the Python nothing is imported. */
#ifndef CBACKPROP_REGISTRY_H
#define CBACKPROP_REGISTRY_H

/* ROW(CODE, name): functions of each neuron alone. */
#define ACTIVATIONS(ROW)    \
    ROW(SIGMOID, sigmoid)   \
    ROW(LINEAR, linear)     \
    ROW(TANH, tanh)         \
    ROW(RELU, relu)         \
    ROW(SOFTPLUS, softplus) \
    ROW(EXPONENTIAL, exponential)

/* ROW(CODE, name, Python's name, delta^L) */
#define COSTS(ROW)                                                       \
    ROW(QUADRATIC, quadratic, "QuadraticCost", TIMES_DERIVATIVE)         \
    ROW(CROSS_ENTROPY, cross_entropy, "CrossEntropyCost", DIFFERENCE)    \
    ROW(LOG_LIKELIHOOD, log_likelihood, "LogLikelihoodCost", DIFFERENCE) \
    ROW(POISSON, poisson, "PoissonCost", DIFFERENCE)

/* What the output error delta^L is. */
enum {
    TIMES_DERIVATIVE, /* (a - y) f'(z) */
    DIFFERENCE,       /* a - y */
    CUSTOM_DELTA      /* from the user's own function, which no kernel knows */
};

#define CODE_OF(CODE, ...) CODE,
enum {
    ACTIVATIONS(CODE_OF) SOFTMAX, /* of a whole row, and of the output layer only: a kernel of its own */
    N_ACTIVATIONS
};
enum { COSTS(CODE_OF) N_COSTS };
#undef CODE_OF

/* A layer whose memory is all 0 has sigmoid neurons. */
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
