"""What the algorithm works on: a worker, its layers, and what all workers of a team read."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from cbackprop.kernels cimport Activations, AdamStep, Barrier, Columns, Kernels, LateStep, Panels, Records, Sweep


cdef enum:
    MAX_STATE = 3           # the most arrays, shaped like the weights, that an update rule keeps between steps


cdef enum RuleCode:
    GRADIENT_DESCENT, MOMENTUM, NESTEROV, ADAM, AMSGRAD
    SUM_OF_GRADIENTS    # no step: the gradient is added to Layer.total, for an optimiser elsewhere
    ONE_GRADIENT        # no step: the gradient takes the place of Layer.total, for other processes


# How a gradient is to change the parameters.
cdef struct Step:
    RuleCode rule
    double eta              # the learning rate
    double lmbda_over_n     # lambda / n ...
    double weight_decay     # ... and eta times that
    bint is_l1              # L1 regularisation: the step takes weight_decay * sgn(w), not weight_decay * w
    double mu               # momentum
    double beta_1, beta_2   # how slowly Adam's moments forget
    double epsilon          # what Adam adds to the root of the second moment ...
    bint is_epsilon_hat     # ... before the bias correction of that, not after it
    bint decays_by_batch    # lmbda_over_n is lambda: each mini-batch divides it by its examples, as it does eta


# Arrays shaped like a layer's parameters: what an update rule keeps between steps, such as velocities, or the gradient.
cdef struct State:
    Panels w                # (n_{l-1} x n) like the weights
    void *b                 # (n) like the biases


cdef struct Layer:
    Py_ssize_t n            # neurons
    Panels w                # (n_{l-1} x n) the weights, transposed
    void *b                 # (n)
    State state[MAX_STATE]
    State gradient          # for rules that need it as a whole: 0 between steps
    State total             # where SUM_OF_GRADIENTS adds it, and ONE_GRADIENT puts it
    Activations f           # what each neuron makes of its z
    Panels a                # (m x n) z^l, then a^l
    void *a_buffers[2]      # ... in two buffers alternately: a slower worker may still read the mini-batch before
    Panels thinned          # (m x n) a^l without the neurons that drop out, as the next layer gets it; NULL data: it gets a^l
    void *thinned_buffers[2]
    double drop_factor      # ... where what stays of a^l and delta^l is multiplied by this, 1 / (1 - p)
    Py_ssize_t mask         # where in a row of masks this layer's bits begin, in bytes
    Panels delta            # (m x n) delta^l
    void *z                 # (m x n) a copy of z^l, for a cost class of the user's
    Py_ssize_t p0, p1       # the panels that this worker computes: all of them unless the layer is ...
    bint shared             # ... shared with other workers
    void *nabla_w           # (n x n_{l-1}) one example: where its gradient goes


# What the mini-batches of an epoch cost, before the step of each.
cdef struct Cost:
    int code                # see registry.h
    double low, high        # outputs beyond count as these: the logarithm of 0 is infinite
    bint needs_squares
    double of_examples      # the sum over the mini-batches of the mean of their examples' costs, times their length
    double squares          # the sum of sum w^2: with lambda / 2, the same of what regularisation adds


# What all workers read.
cdef struct Source:
    const Records *records  # the inputs: sparse, or ...
    const void **rows       # ... dense, as reals ...
    int row_bits            # ... of so many bits; or ...
    Columns columns         # ... the columns of a matrix
    double max_abs_input    # if sparse
    const int32_t *labels   # the targets: the place of the 1, or ...
    const void *targets     # ... (n x n_out) reals
    uint32_t *order         # (n) the examples as shuffled
    Py_ssize_t n
    Py_ssize_t m            # examples of a mini-batch
    Py_ssize_t first        # the mini-batch to begin with
    const uint8_t *masks    # (n x mask_bytes) which neurons stay, for the examples in this order; NULL without dropout
    Py_ssize_t mask_bytes
    Step step
    int error               # which output error: see registry.h
    const double *weights   # (n) how much each example counts; NULL: each 1
    Cost *cost              # where the cost of each mini-batch is to be added before its step, or NULL


# The rows of w^2 that take steps late, and these steps: see _late_rows.pyx.
cdef struct LateRows:
    bint late                   # whether any may
    LateStep *step              # (MOST_LATE) the steps since all rows had taken all ...
    Py_ssize_t n                # ... so many
    uint8_t *taken              # (n_1) how many of them a row has taken
    double *squares             # (n_2) of the steps that rows have taken, the sum of w^2 as the cost counts it, by columns
    double factor               # how it counts in this mini-batch


# What the first layer keeps where its inputs are sparse: see _sparse_layer.pyx.
cdef struct SparseLayer:
    void *scratch
    Sweep update                # the update of w^2 that waits for the next forward pass ...
    bint update_pending         # ... if one does ...
    Panels delta                # ... and its delta^2
    double scale                # w^2 is kept divided by this
    double max_abs_weight       # no |w^2_jk| of this worker's panels, as kept, is larger
    double max_abs_velocity     # nor, with momentum, is any velocity of theirs; infinite until it was measured
    LateRows late_rows
    Records dense_records       # a mini-batch with its zeros listed
    uint32_t *dense_order       # 0, 1, ... m - 1


cdef struct Worker:
    const Kernels *k
    int L
    Layer *layer                # layer[1] is the input layer, layer[L] the output layer, as in the chapter
    Source *source
    Barrier *barrier
    int number, n_workers
    bint one_example            # arrays are rows as in NumPy, not panels
    int buffer                  # which of its two buffers each a^l is in now
    const void **rows           # (m) where the inputs of the mini-batch are
    const uint8_t *masks        # (m x mask_bytes) its masks
    void *transposed            # scratch of product_transposed
    void *activation_scratch    # of layers in which single neurons have another activation
    double velocity_scale       # velocities are kept divided by this
    int64_t t                   # the steps that Adam has taken ...
    AdamStep adam               # ... and the one that it is taking
    double weight               # of this mini-batch: how many examples it counts as,
    double lmbda_over_n, weight_decay   # ... and its regularisation
    double *cost_of             # (m) what its examples cost
    SparseLayer sparse


# What layer l + 1 gets of layer l.
cdef inline Panels *passed_on(Layer *layer) noexcept nogil:
    return &layer.a if layer.thinned.data is NULL else &layer.thinned


# What is stored divided by a scale is multiplied out when the scale leaves 2^-20 .. 2^20.
cdef inline bint is_moderate(double scale) noexcept nogil:
    return 2.0 ** -20 <= scale <= 2.0 ** 20
