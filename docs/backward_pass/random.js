"use strict";

/*
 * Normal numbers from a seed, those of NumPy's legacy generator: standardNormal(7) draws what randn() draws
 * after numpy.random.seed(7), so a network here begins as one in Python does.
 *
 * NumPy takes 53 bits from two outputs of the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), and
 * makes pairs of normal numbers from them by Marsaglia's polar method.
 */
const random = (() => {
  const [N, M] = [624, 397];

  /** A function that returns the next 32 bits. */
  function mersenneTwister(seed) {
    const state = new Uint32Array(N);
    state[0] = seed;
    for (let i = 1; i < N; i++) {
      state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    }
    let next = N;

    function refill() {
      for (let i = 0; i < N; i++) {
        const bits = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff);
        state[i] = state[(i + M) % N] ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
      }
      next = 0;
    }

    return () => {
      if (next === N) refill();
      let y = state[next++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return (y ^ (y >>> 18)) >>> 0;
    };
  }

  /** A function that returns the next number of the standard normal distribution. */
  function standardNormal(seed) {
    const bits = mersenneTwister(seed);
    const uniform = () => ((bits() >>> 5) * 2 ** 26 + (bits() >>> 6)) / 2 ** 53;
    let spare = null;
    return () => {
      if (spare !== null) {
        const second = spare;
        spare = null;
        return second;
      }
      let u, v, square;
      do {
        u = 2 * uniform() - 1;
        v = 2 * uniform() - 1;
        square = u * u + v * v;
      } while (square >= 1 || square === 0);
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      spare = factor * u;
      return factor * v;
    };
  }

  return { standardNormal };
})();
