/* FANN, the Fast Artificial Neural Network library: its batch training on one mini-batch after another.
 * The functions are those of c_loop.c. REAL is float or double, HEADER the header of FANN that is of that type.
 */
#include HEADER
#include <stdint.h>
#include <stdlib.h>

typedef REAL real;

typedef struct {
    int m;
    struct fann *ann;
    struct fann_train_data batch;
} net;

void free_network(net *net) {
    if (!net) return;
    if (net->ann) fann_destroy(net->ann);
    free(net->batch.input);
    free(net->batch.output);
    free(net);
}

net *new_network(int n_layers, const int *sizes, int m) {
    net *net = calloc(1, sizeof *net);
    if (!net) return NULL;
    net->m = m;
    net->ann = fann_create_standard_array(n_layers + 1, (const unsigned *)sizes);
    net->batch.input = calloc(m, sizeof *net->batch.input);
    net->batch.output = calloc(m, sizeof *net->batch.output);
    if (!net->ann || !net->batch.input || !net->batch.output) {
        free_network(net);
        return NULL;
    }
    net->batch.num_input = sizes[0];
    net->batch.num_output = sizes[n_layers];
    fann_set_training_algorithm(net->ann, FANN_TRAIN_BATCH);
    fann_set_train_error_function(net->ann, FANN_ERRORFUNC_LINEAR);
    fann_set_activation_function_hidden(net->ann, FANN_SIGMOID);
    fann_set_activation_function_output(net->ann, FANN_SIGMOID);
    /* FANN's sigmoid is 1 / (1 + exp(-2 s z)). */
    fann_set_activation_steepness_hidden(net->ann, 0.5);
    fann_set_activation_steepness_output(net->ann, 0.5);
    return net;
}

void train_epoch(net *net, const real *x, const real *y, const int64_t *order, int64_t n, double eta) {
    fann_set_learning_rate(net->ann, (float)eta);
    for (int64_t begin = 0; begin < n; begin += net->m) {
        int m = n - begin < net->m ? (int)(n - begin) : net->m;
        for (int e = 0; e < m; e++) {
            net->batch.input[e] = (real *)x + order[begin + e] * net->batch.num_input;
            net->batch.output[e] = (real *)y + order[begin + e] * net->batch.num_output;
        }
        net->batch.num_data = m;
        fann_train_epoch(net->ann, &net->batch);
    }
}

/* The weights of a layer's neurons lie one after another, each neuron's bias behind them. */
static real *weights_of(net *net, int i) {
    return net->ann->weights + net->ann->first_layer[i + 1].first_neuron->first_con;
}

static void sizes_of(net *net, int i, int *n_in, int *n_out) {
    struct fann_layer *below = net->ann->first_layer + i;
    *n_in = (int)(below[0].last_neuron - below[0].first_neuron) - 1;
    *n_out = (int)(below[1].last_neuron - below[1].first_neuron) - 1;
}

void set_layer(net *net, int i, const real *weights, const real *biases) {
    int n_in, n_out;
    sizes_of(net, i, &n_in, &n_out);
    real *w = weights_of(net, i);
    for (int j = 0; j < n_out; j++) {
        for (int k = 0; k < n_in; k++) *w++ = *weights++;
        *w++ = biases[j];
    }
}

void get_layer(net *net, int i, real *weights, real *biases) {
    int n_in, n_out;
    sizes_of(net, i, &n_in, &n_out);
    const real *w = weights_of(net, i);
    for (int j = 0; j < n_out; j++) {
        for (int k = 0; k < n_in; k++) *weights++ = *w++;
        biases[j] = *w++;
    }
}
