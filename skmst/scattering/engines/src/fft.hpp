// Fourier transforms of W signals at once, one per lane: Stockham's self-sorting passes, decimation in frequency.
// A pass of radix R turns n = R m points, of which s transforms are interleaved, into R s transforms of m points.
#pragma once

#include <cmath>
#include <vector>

#include "lanes.hpp"

namespace skmst {

// Where the elements of W complex signals are: element i at re + i * stride and im + i * stride.
// Swapping re and im of both source and target turns a transform into its inverse (times n).
template <class T>
struct View {
    T* re;
    T* im;
    std::size_t stride;
    View swapped() const { return {im, re, stride}; }
};

namespace detail {

constexpr double PI = 3.14159265358979323846264338327950288;

// Cosine and sine of 2 pi k / n at compile time, by their series on an eighth of the circle.
constexpr double series_sin(double x) {
    double term = x, sum = x;
    for (int i = 1; i < 14; ++i) sum += term *= -x * x / ((2 * i) * (2 * i + 1));
    return sum;
}
constexpr double series_cos(double x) {
    double term = 1, sum = 1;
    for (int i = 1; i < 14; ++i) sum += term *= -x * x / ((2 * i - 1) * (2 * i));
    return sum;
}
constexpr double reduced_cos(long k, long n);
constexpr double reduced_sin(long k, long n) {  // 0 <= k / n < 1
    if (2 * k > n) return -reduced_sin(n - k, n);
    if (4 * k > n) return reduced_sin(n - 2 * k, 2 * n);
    if (8 * k > n) return reduced_cos(n - 4 * k, 4 * n);
    return series_sin(2 * PI * k / n);
}
constexpr double reduced_cos(long k, long n) {
    if (2 * k > n) return reduced_cos(n - k, n);
    if (4 * k > n) return -reduced_cos(n - 2 * k, 2 * n);
    if (8 * k > n) return reduced_sin(n - 4 * k, 4 * n);
    return series_cos(2 * PI * k / n);
}

}  // namespace detail

inline constexpr double cos_turn(int k, int n) { return detail::reduced_cos(k % n, n); }
inline constexpr double sin_turn(int k, int n) { return detail::reduced_sin(k % n, n); }

// A function of k / R of a turn, for k = 0 ... R - 1.
template <int R>
struct Turns {
    double value[R];
    constexpr Turns(double (*f)(int, int)) : value() {
        for (int k = 0; k < R; ++k) value[k] = f(k, R);
    }
    constexpr double operator[](int k) const { return value[k]; }
};

template <class T, int R>
struct Butterfly {  // odd R, by pairs of elements k and R - k
    using V = typename Lanes<T>::V;
    static inline void apply(V (&re)[R], V (&im)[R]) {
        constexpr int H = R / 2;
        V pr[H], pi[H], mr[H], mi[H];
        for (int k = 0; k < H; ++k) {
            pr[k] = re[k + 1] + re[R - 1 - k];
            pi[k] = im[k + 1] + im[R - 1 - k];
            mr[k] = re[k + 1] - re[R - 1 - k];
            mi[k] = im[k + 1] - im[R - 1 - k];
        }
        const V r0 = re[0], i0 = im[0];
        for (int k = 0; k < H; ++k) re[0] += pr[k], im[0] += pi[k];
#pragma GCC unroll 8
        for (int j = 1; j <= H; ++j) {
            V cr = r0, ci = i0, sr = T(SIN[j]) * mr[0], si = T(SIN[j]) * mi[0];
            cr += T(COS[j]) * pr[0];
            ci += T(COS[j]) * pi[0];
#pragma GCC unroll 8
            for (int k = 2; k <= H; ++k) {
                cr += T(COS[j * k % R]) * pr[k - 1];
                ci += T(COS[j * k % R]) * pi[k - 1];
                sr += T(SIN[j * k % R]) * mr[k - 1];
                si += T(SIN[j * k % R]) * mi[k - 1];
            }
            re[j] = cr + si;
            im[j] = ci - sr;
            re[R - j] = cr - si;
            im[R - j] = ci + sr;
        }
    }

private:
    static constexpr Turns<R> COS{cos_turn}, SIN{sin_turn};
};

template <class T>
struct Butterfly<T, 2> {
    using V = typename Lanes<T>::V;
    static inline void apply(V (&re)[2], V (&im)[2]) {
        V r = re[0] - re[1], i = im[0] - im[1];
        re[0] += re[1], im[0] += im[1];
        re[1] = r, im[1] = i;
    }
};

template <class T>
struct Butterfly<T, 4> {
    using V = typename Lanes<T>::V;
    static inline void apply(V (&re)[4], V (&im)[4]) {
        V ar = re[0] + re[2], ai = im[0] + im[2], br = re[0] - re[2], bi = im[0] - im[2];
        V cr = re[1] + re[3], ci = im[1] + im[3], dr = re[1] - re[3], di = im[1] - im[3];
        re[0] = ar + cr, im[0] = ai + ci;
        re[1] = br + di, im[1] = bi - dr;
        re[2] = ar - cr, im[2] = ai - ci;
        re[3] = br - di, im[3] = bi + dr;
    }
};

// The transform of a length, for W signals at once.
template <class T>
class LaneFFT {
    using L = Lanes<T>;
    using V = typename L::V;
    static constexpr int W = L::W;

    struct Stage {
        int radix, m, s;
        std::vector<T> twiddles;  // for every p < m, exp(-2 pi i p k / n) of k = 1, ..., radix - 1
        std::vector<T> roots;     // of unity, for primes without a butterfly of their own
    };

public:
    explicit LaneFFT(int n = 1) : n_(n) {
        int left = n, s = 1;
        for (int radix : radices(n)) {
            left /= radix;
            stages_.push_back(stage(radix, left, s));
            s *= radix;
        }
    }

    int size() const { return n_; }
    std::size_t scratch() const { return std::size_t(n_) * 4 * W; }  // numbers that `run` needs

    // Reads `in`, writes `out`; they may be the same. `work` has `scratch()` numbers.
    void run(View<T> in, View<T> out, T* work) const {
        const View<T> halves[2] = {{work, work + W, 2 * W}, {work + 2 * W * n_, work + 2 * W * n_ + W, 2 * W}};
        if (stages_.empty()) return pass<1, false>(stage(1, 1, 1), in, out);
        const std::size_t last = stages_.size() - 1;
        for (std::size_t i = 0; i <= last; ++i) dispatch(stages_[i], i ? halves[i % 2] : in, i == last ? out : halves[(i + 1) % 2]);
    }

private:
    // The factorisation of least cost; costs per point were measured.
    static std::vector<int> radices(int n) {
        static constexpr std::pair<int, double> COST[] = {{5, 1.8}, {4, 1.6}, {3, 1.5}, {2, 1.3}, {7, 4}, {11, 7}, {13, 9}, {17, 12}};
        std::vector<double> least(n + 1, -1);
        std::vector<int> last(n + 1, 0);
        least[1] = 0;
        for (int m = 2; m <= n; ++m) {
            if (n % m) continue;
            auto consider = [&](int r, double cost) {
                if (m % r == 0 && least[m / r] >= 0 && (last[m] == 0 || least[m / r] + cost < least[m]))
                    least[m] = least[m / r] + cost, last[m] = r;
            };
            for (auto [r, cost] : COST) consider(r, cost);
            if (last[m] == 0) consider(smallest_prime(m), 2.0 * smallest_prime(m));
        }
        std::vector<int> found;
        for (int m = n; m > 1; m /= last[m]) found.push_back(last[m]);
        return found;
    }

    static int smallest_prime(int n) {
        for (int p = 2; p * p <= n; ++p)
            if (n % p == 0) return p;
        return n;
    }

    static Stage stage(int radix, int m, int s) {
        Stage made{radix, m, s, {}, {}};
        const double turn = 2 * detail::PI / (double(radix) * m);
        for (int p = 0; p < m; ++p)
            for (int k = 1; k < radix; ++k) {
                made.twiddles.push_back(T(std::cos(turn * (double(p) * k))));
                made.twiddles.push_back(T(-std::sin(turn * (double(p) * k))));
            }
        if (radix > 17)
            for (int k = 0; k < radix; ++k) {
                made.roots.push_back(T(std::cos(2 * detail::PI * k / radix)));
                made.roots.push_back(T(std::sin(2 * detail::PI * k / radix)));
            }
        return made;
    }

    static void dispatch(const Stage& g, View<T> in, View<T> out) {
        switch (g.radix) {
            case 2: return last_or_not<2>(g, in, out);
            case 3: return last_or_not<3>(g, in, out);
            case 4: return last_or_not<4>(g, in, out);
            case 5: return last_or_not<5>(g, in, out);
            case 7: return last_or_not<7>(g, in, out);
            case 11: return last_or_not<11>(g, in, out);
            case 13: return last_or_not<13>(g, in, out);
            case 17: return last_or_not<17>(g, in, out);
            default: return any_prime(g, in, out);
        }
    }

    template <int R>
    static void last_or_not(const Stage& g, View<T> in, View<T> out) {
        g.m == 1 ? pass<R, false>(g, in, out) : pass<R, true>(g, in, out);
    }

    template <int R, bool twiddled>
    static void pass(const Stage& g, View<T> in, View<T> out) {
        const std::size_t m = g.m, s = g.s, from = s * m * in.stride, to = s * out.stride;
        const T* w = g.twiddles.data();
        for (std::size_t p = 0; p < m; ++p, w += 2 * (R - 1)) {
            V c[R], d[R];
            if constexpr (twiddled)
                for (int k = 1; k < R; ++k) c[k] = L::fill(w[2 * k - 2]), d[k] = L::fill(w[2 * k - 1]);
            for (std::size_t q = 0; q < s; ++q) {
                const std::size_t source = (q + s * p) * in.stride, target = (q + s * R * p) * out.stride;
                V re[R], im[R];
                for (int k = 0; k < R; ++k) {
                    re[k] = L::load(in.re + source + k * from);
                    im[k] = L::load(in.im + source + k * from);
                }
                if constexpr (R > 1) Butterfly<T, R>::apply(re, im);
                for (int k = 0; k < R; ++k) {
                    const bool turn = twiddled && k > 0;
                    L::store(out.re + target + k * to, turn ? re[k] * c[k] - im[k] * d[k] : re[k]);
                    L::store(out.im + target + k * to, turn ? re[k] * d[k] + im[k] * c[k] : im[k]);
                }
            }
        }
    }

    static void any_prime(const Stage& g, View<T> in, View<T> out) {
        const int R = g.radix;
        const std::size_t m = g.m, s = g.s, from = s * m * in.stride, to = s * out.stride;
        std::vector<T> kept(std::size_t(2) * R * W);
        for (std::size_t p = 0; p < m; ++p)
            for (std::size_t q = 0; q < s; ++q) {
                const std::size_t source = (q + s * p) * in.stride, target = (q + s * R * p) * out.stride;
                for (int k = 0; k < R; ++k) {
                    L::store(&kept[2 * k * W], L::load(in.re + source + k * from));
                    L::store(&kept[(2 * k + 1) * W], L::load(in.im + source + k * from));
                }
                for (int j = 0; j < R; ++j) {
                    V re{}, im{};
                    for (int k = 0; k < R; ++k) {
                        const int turn = int(long(j) * k % R);
                        const V c = L::fill(g.roots[2 * turn]), d = L::fill(g.roots[2 * turn + 1]);
                        const V a = L::load(&kept[2 * k * W]), b = L::load(&kept[(2 * k + 1) * W]);
                        re += a * c + b * d;
                        im += b * c - a * d;
                    }
                    const T* w = &g.twiddles[2 * (p * (R - 1) + (j ? j - 1 : 0))];
                    const V c = L::fill(j ? w[0] : T(1)), d = L::fill(j ? w[1] : T(0));
                    L::store(out.re + target + j * to, re * c - im * d);
                    L::store(out.im + target + j * to, re * d + im * c);
                }
            }
    }

    int n_;
    std::vector<Stage> stages_;
};

}  // namespace skmst
