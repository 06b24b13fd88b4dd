from cbackprop._examples cimport Examples


cdef tuple score_packed(net, Examples examples, bint labelled, bint answers, cost, order=*)
