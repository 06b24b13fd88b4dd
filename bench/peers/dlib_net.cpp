// dlib's fc and sig layers with its sgd solver. The functions are those of c_loop.c; floats alone.
// LAYERS is the number of layers of weights, which is a part of a network's type in dlib.
#include <dlib/dnn.h>
#include <algorithm>
#include <cstdint>
#include <exception>
#include <vector>

namespace {

template <int n> struct stack {
    using type = dlib::sig<dlib::fc<1, typename stack<n - 1>::type>>;
};
template <> struct stack<0> {
    using type = dlib::input<dlib::matrix<float>>;
};
using net_type = dlib::loss_mean_squared_multioutput<stack<LAYERS>::type>;

// Calls f(number, fc layer) for the layers of weights from the first on.
template <int n = LAYERS, typename F> void for_each_layer(net_type &net, F f) {
    if constexpr (n > 0) {
        f(LAYERS - n, dlib::layer<2 * n>(net).layer_details());
        for_each_layer<n - 1>(net, f);
    }
}

struct network {
    std::vector<int> sizes;
    int m;
    net_type net;
    std::vector<dlib::sgd> solvers;
    dlib::resizable_tensor x;
    std::vector<dlib::matrix<float>> y;
};

// A layer's parameters: (n_in, n_out) weights, and a row of biases.
template <typename F> void at_layer(network *n, int i, F f) {
    for_each_layer(n->net, [&](int number, auto &layer) {
        if (number == i) f(layer.get_layer_params().host(), n->sizes[i], n->sizes[i + 1]);
    });
}

} // namespace

extern "C" {

network *new_network(int n_layers, const int *sizes, int m) try {
    if (n_layers != LAYERS) return nullptr;
    network *n = new network{{sizes, sizes + n_layers + 1}, m, {}, {}, {}, {}};
    for_each_layer(n->net, [&](int i, auto &layer) { layer.set_num_outputs(sizes[i + 1]); });
    // Without momentum and decay: gradient descent.
    n->solvers.assign(net_type::num_computational_layers, dlib::sgd(0, 0));
    const dlib::matrix<float> example = dlib::zeros_matrix<float>(sizes[0], 1);
    n->net.to_tensor(&example, &example + 1, n->x);
    n->net.subnet().forward(n->x); // which makes the parameters
    return n;
} catch (const std::exception &) {
    return nullptr;
}

void free_network(network *n) { delete n; }

void train_epoch(network *n, const float *x, const float *y, const std::int64_t *order, std::int64_t count,
                 double eta) {
    const int n_in = n->sizes.front(), n_out = n->sizes.back();
    for (std::int64_t begin = 0; begin < count; begin += n->m) {
        const int m = static_cast<int>(std::min<std::int64_t>(n->m, count - begin));
        n->x.set_size(m, 1, n_in, 1);
        n->y.resize(m);
        float *to = n->x.host_write_only();
        for (int e = 0; e < m; e++) {
            const float *from = x + order[begin + e] * n_in;
            std::copy(from, from + n_in, to + static_cast<std::size_t>(e) * n_in);
            const float *target = y + order[begin + e] * n_out;
            n->y[e].set_size(n_out, 1);
            std::copy(target, target + n_out, n->y[e].begin());
        }
        n->net.compute_parameter_gradients(n->x, n->y.begin());
        n->net.update_parameters(n->solvers, eta);
    }
}

void set_layer(network *n, int i, const float *weights, const float *biases) {
    at_layer(n, i, [&](float *p, int n_in, int n_out) {
        for (int j = 0; j < n_out; j++) {
            for (int k = 0; k < n_in; k++) p[static_cast<std::size_t>(k) * n_out + j] = *weights++;
            p[static_cast<std::size_t>(n_in) * n_out + j] = biases[j];
        }
    });
}

void get_layer(network *n, int i, float *weights, float *biases) {
    at_layer(n, i, [&](float *p, int n_in, int n_out) {
        for (int j = 0; j < n_out; j++) {
            for (int k = 0; k < n_in; k++) *weights++ = p[static_cast<std::size_t>(k) * n_out + j];
            biases[j] = p[static_cast<std::size_t>(n_in) * n_out + j];
        }
    });
}
}
