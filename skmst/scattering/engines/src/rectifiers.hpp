// Pointwise nonlinearities and the transposes of their derivatives, as in skmst/scattering/rectifiers.py.
#pragma once

#include <cmath>
#include <complex>
#include <limits>

#include "lanes.hpp"

namespace skmst {

enum class Kind { modulus = 0, log_modulus = 1, phase_harmonic = 2, heisenberg = 3, heisenberg_printed = 4 };

template <class T>
struct Rectifier {
    using C = std::complex<T>;
    using L = Lanes<T>;
    using V = typename L::V;

    Kind kind;
    int harmonic = 2;

    bool keeps_phase() const { return kind >= Kind::phase_harmonic; }

    // Of W complex numbers, for the rectifiers that lose the phase.
    V modulus(const T* re, const T* im) const {
        const V r = L::load(re), i = L::load(im);
        if (kind == Kind::modulus) return square_root<T>(r * r + i * i);
        V u;
        for (int k = 0; k < L::W; ++k) u[k] = std::log1p(std::hypot(r[k], i[k]));
        return u;
    }

    C operator()(C z) const {
        switch (kind) {
            case Kind::modulus: return std::abs(z);
            case Kind::log_modulus: return std::log1p(std::abs(z));
            case Kind::phase_harmonic: return std::abs(z) * power(direction(z));
            case Kind::heisenberg: return std::asin(z * T(2 / M_PI) + T(0));
            default: return {z == C(0) ? T(0) : -std::arg(z), std::log1p(std::abs(z))};
        }
    }

    C pullback(C z, C g) const {
        const T r = std::abs(z);
        switch (kind) {
            case Kind::modulus: return direction(z) * g.real();
            case Kind::log_modulus: return direction(z) * (g.real() / (1 + r));
            case Kind::phase_harmonic: {
                const C d = direction(z), turned = std::conj(power(d)) * g;
                return d * C(turned.real(), harmonic * turned.imag());
            }
            case Kind::heisenberg: {
                const C w = z * T(2 / M_PI) + T(0);
                C cosine = std::conj(std::sqrt(T(1) - std::conj(w))) * std::sqrt(T(1) + w);
                if (cosine == C(0)) cosine = std::sqrt(std::numeric_limits<T>::min());
                return g * std::conj(T(2 / M_PI) / cosine);
            }
            default: return direction(z) * C(g.imag() / (1 + r), r > 0 ? -g.real() / r : T(0));
        }
    }

private:
    static C direction(C z) {
        const T r = std::abs(z);
        return r > 0 ? z / r : C(0);
    }
    C power(C d) const {
        C base = harmonic < 0 ? std::conj(d) : d, result = 1;
        for (int k = 0; k < std::abs(harmonic); ++k) result *= base;
        return result;
    }
};

}  // namespace skmst
