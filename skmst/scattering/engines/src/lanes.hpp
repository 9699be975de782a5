// Vectors of W numbers, one per lane. GCC and Clang lower them to whatever instruction set the file is compiled for.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <utility>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace skmst {

#if defined(__AVX512F__)
constexpr int REGISTER_BYTES = 64;
#elif defined(__AVX__)
constexpr int REGISTER_BYTES = 32;
#else
constexpr int REGISTER_BYTES = 16;
#endif

template <class T, int bytes = REGISTER_BYTES>
struct Lanes {
    static constexpr int W = bytes / sizeof(T);
    typedef T V __attribute__((vector_size(bytes)));
    typedef T Unaligned __attribute__((vector_size(bytes), aligned(sizeof(T)), may_alias));

    static V load(const T* p) { return *reinterpret_cast<const Unaligned*>(p); }
    static void store(T* p, V v) { *reinterpret_cast<Unaligned*>(p) = v; }
    static V fill(T x) { return x - V{}; }  // x in every lane
};

namespace detail {

template <int distance, class V, std::size_t... I>
inline V rotated(V a, std::index_sequence<I...>) {
    return __builtin_shufflevector(a, a, ((int(I) + distance) % int(sizeof...(I)))...);
}

// Sums of pairs at a distance, then at half of it.
template <int distance, int W, class V>
inline V folded(V a) {
    if constexpr (distance == 0)
        return a;
    else
        return folded<distance / 2, W>(a + rotated<distance>(a, std::make_index_sequence<W>{}));
}

template <class V, std::size_t... I>
inline V interleave_low(V a, V b, std::index_sequence<I...>) {
    constexpr int W = sizeof...(I);
    return __builtin_shufflevector(a, b, (int(I) % 2 ? W + int(I) / 2 : int(I) / 2)...);
}

template <class V, std::size_t... I>
inline V interleave_high(V a, V b, std::index_sequence<I...>) {
    constexpr int W = sizeof...(I);
    return __builtin_shufflevector(a, b, (W / 2 + (int(I) % 2 ? W + int(I) / 2 : int(I) / 2))...);
}

template <class V, std::size_t... I>
inline V reversed(V a, std::index_sequence<I...>) {
    return __builtin_shufflevector(a, a, (int(sizeof...(I)) - 1 - int(I))...);
}

}  // namespace detail

template <class T>
inline typename Lanes<T>::V reversed(typename Lanes<T>::V a) {
    return detail::reversed(a, std::make_index_sequence<Lanes<T>::W>{});
}

template <class T>
inline T sum(typename Lanes<T>::V v) {
    return detail::folded<Lanes<T>::W / 2, Lanes<T>::W>(v)[0];
}

// 1 / sqrt(x). The divider takes 10 to 18 cycles for a wide register: a first guess and Newton's steps are faster there.
// Numbers below the smallest normal one count as that.
template <class T>
inline typename Lanes<T>::V inverse_root(typename Lanes<T>::V x) {
    using V = typename Lanes<T>::V;
    const V floor = Lanes<T>::fill(std::numeric_limits<T>::min());
#if defined(__AVX512F__)
    V guess;
    if constexpr (sizeof(T) == 4)
        guess = (V)_mm512_rsqrt14_ps(_mm512_max_ps((__m512)floor, (__m512)x));  // NaN stays
    else
        guess = (V)_mm512_rsqrt14_pd(_mm512_max_pd((__m512d)floor, (__m512d)x));
    if constexpr (sizeof(T) == 8) guess = guess * (T(1.5) - T(0.5) * x * guess * guess);
    return guess * (T(1.5) - T(0.5) * x * guess * guess);
#else
    V root;
    x = x < floor ? floor : x;
    for (int k = 0; k < Lanes<T>::W; ++k) root[k] = std::sqrt(x[k]);
    return T(1) / root;
#endif
}

// Square roots; those of numbers below the smallest normal one are too small.
template <class T>
inline typename Lanes<T>::V square_root(typename Lanes<T>::V x) {
    using V = typename Lanes<T>::V;
#if defined(__AVX512F__)
    V guess;
    const V floor = Lanes<T>::fill(std::numeric_limits<T>::min());
    if constexpr (sizeof(T) == 4)
        guess = (V)_mm512_rsqrt14_ps(_mm512_max_ps((__m512)floor, (__m512)x));
    else
        guess = (V)_mm512_rsqrt14_pd(_mm512_max_pd((__m512d)floor, (__m512d)x));
    if constexpr (sizeof(T) == 8) guess = guess * (T(1.5) - T(0.5) * x * guess * guess);
    const V root = x * guess;  // and one more step, for the root itself
    return root + T(0.5) * guess * (x - root * root);
#else
    V root;
    for (int k = 0; k < Lanes<T>::W; ++k) root[k] = std::sqrt(x[k]);
    return root;
#endif
}

// W registers of W numbers: element j of register i becomes element i of register j.
template <class T>
inline void transpose(typename Lanes<T>::V (&rows)[Lanes<T>::W]) {
    constexpr int W = Lanes<T>::W;
    constexpr auto all = std::make_index_sequence<W>{};
    typename Lanes<T>::V other[W];
    for (int width = W; width > 1; width /= 2) {  // each pass is a perfect shuffle
        for (int i = 0; i < W / 2; ++i) {
            other[2 * i] = detail::interleave_low(rows[i], rows[i + W / 2], all);
            other[2 * i + 1] = detail::interleave_high(rows[i], rows[i + W / 2], all);
        }
        for (int i = 0; i < W; ++i) rows[i] = other[i];
    }
}

inline std::size_t round_up(std::size_t n, std::size_t unit) { return (n + unit - 1) / unit * unit; }

// Rows of `n` numbers, padded to whole registers, and by one more where rows would meet in the same cache sets.
template <class T>
inline std::size_t row_stride(std::size_t n) {
    std::size_t stride = round_up(n, Lanes<T>::W);
    return stride * sizeof(T) % 2048 == 0 ? stride + Lanes<T>::W : stride;
}

}  // namespace skmst
