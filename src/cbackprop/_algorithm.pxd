from libc.stdint cimport int32_t, uint32_t

from cbackprop.kernels cimport Activations, Barrier, Columns, Kernels, Panels, Records, Sweep


# A step of gradient descent.
cdef struct Step:
    double eta
    double shrink           # eta * lambda / n
    bint signs              # L1 regularisation: the step takes shrink * sgn(w), not shrink * w
    double mu               # momentum


cdef struct Layer:
    Py_ssize_t n            # neurons
    Panels w                # (n_{l-1} x n) the weights, transposed
    void *b                 # (n)
    Activations f           # what each neuron makes of its z
    Panels a                # (m x n) z^l, then a^l
    void *a_turns[2]        # ... in two buffers by turns: a slower worker may still read the mini-batch before
    Panels delta            # (m x n) delta^l
    Panels v                # (n_{l-1} x n) with momentum the weights' velocities ...
    void *v_b               # (n) ... and the biases', in units of the worker's `unit`
    void *z                 # (m x n) a copy of z^l where it is asked for
    Py_ssize_t p0, p1       # the panels that this worker computes: all of them where the layer is ...
    bint shared             # ... not shared with other workers
    void *nabla_w           # (n x n_{l-1}) one example: where its gradient goes


# What is read, the same for all workers.
cdef struct Source:
    const Records *records  # the inputs: sparse, or ...
    const void **rows       # ... dense, as reals ...
    int row_bits            # ... of so many bits; or ...
    Columns columns         # ... the columns of a matrix
    double largest          # input, in absolute value
    const int32_t *labels   # the targets: the place of the 1, or ...
    const void *targets     # ... (n x n_out) reals
    uint32_t *order         # (n) the examples as shuffled
    Py_ssize_t n
    Py_ssize_t m            # examples of a mini-batch
    Py_ssize_t first        # the mini-batch to train on now
    Step step
    int error               # which output error: see registry.h


cdef struct Worker:
    const Kernels *k
    int L
    Layer *layer            # layer[1] is the input layer, layer[L] the output layer, as in the chapter
    Source *source
    Barrier *barrier
    int number, n_workers
    bint one_example        # arrays are rows as in NumPy, not panels
    int turn
    const void **rows       # (m) where the inputs of the mini-batch stand
    void *transposed        # scratch of product_transposed
    void *aside             # scratch of neurons with an activation of their own
    # The sparse first layer: its step of gradient descent waits for the next forward pass, which needs the same rows of w^2.
    void *sweep_scratch
    Sweep step
    bint step_waits
    double factor           # with L2 decay w^2 is kept divided by this, which shrinks in its place
    double unit             # with momentum velocities are kept divided by this
    Panels step_delta
    Records full            # a mini-batch with its zeros listed
    uint32_t *full_order    # 0, 1, ... m - 1
    double reach            # no |w^2_jk| of this worker's panels, as kept, is larger
    double reach_v          # ... and no velocity of w^2


cdef void set_input(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil
cdef void feedforward(
    Worker *me, const uint32_t *examples, Py_ssize_t m, const uint32_t *next_examples, Py_ssize_t n_next) noexcept nogil
cdef void output_error(Worker *me, const uint32_t *examples) noexcept nogil
cdef void backpropagate(Worker *me) noexcept nogil
cdef void gradient_descent(Worker *me, const uint32_t *examples, Py_ssize_t m) noexcept nogil
cdef void take_waiting_step(Worker *me) noexcept nogil
cdef void measure_reach(Worker *me) noexcept nogil
cdef uint32_t *mini_batch(Worker *me, Py_ssize_t batch, Py_ssize_t *m) noexcept nogil
cdef void forward_pass(Worker *me, Py_ssize_t batch) noexcept nogil
cdef void backward_pass(Worker *me, Py_ssize_t batch) noexcept nogil
cdef void train(void *worker) noexcept nogil
cdef void in_plain_units(Worker *me) noexcept nogil
