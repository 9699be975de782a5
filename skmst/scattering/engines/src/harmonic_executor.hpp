// Runs a solid harmonic program: the memory of one thread, and the transforms plane by plane.
#pragma once

#include "grid.hpp"
#include "harmonics.hpp"

namespace skmst {

template <class T>
class HarmonicExecutor {
    using L = Lanes<T>;
    using V = typename L::V;
    static constexpr int W = L::W;
    using Program = HarmonicProgram<T>;
    using Scale = HarmonicScale<T>;
    using Term = HarmonicTerm<T>;

    // Half planes and their weights, summed to the real (0) and the imaginary (1) signal of a complex transform.
    struct Source {
        const T *re[2], *im[2], *weights[2];
    };

public:
    explicit HarmonicExecutor(const Program& program)
        : p_(program), row_(row_stride<T>(2 * p_.half + 2 * W)), blocks_((p_.B + W - 1) / W), arena_(cut(Cutter())) {
        cut(Cutter(arena_.data()));
    }

    // The coefficients of one field.
    void forward(const T* x, T* out) {
        order_0(x, out);
        if (p_.paths.empty()) return;
        columns(field_);
        for (const auto& path : p_.paths) {
            powers_of_a(field_, p_.scales[path.j1], p_.degrees(), by_power_.data());
            for (int l = 0; l < p_.degrees(); ++l)
                degree(l, p_.scales[path.j1], path.j2.empty() ? nullptr : &again_[l], row(path.rows[l], out));
            for (int l = 0; l < p_.degrees() && !path.j2.empty(); ++l) {
                columns(again_[l]);
                for (std::size_t i = 0; i < path.j2.size(); ++i) {
                    powers_of_a(again_[l], p_.scales[path.j2[i]], l + 1, by_power_.data());
                    degree(l, p_.scales[path.j2[i]], nullptr, row(path.rows_2[i][l], out));
                }
            }
        }
    }

private:
    std::size_t cut(Cutter memory) {
        const std::size_t half_space = p_.plane() * p_.A, flat = std::size_t(blocks_) * p_.C * W;
        auto planes = [&](std::size_t n) { return Planes<T>{memory.take<T>(n), memory.take<T>(n)}; };
        const bool more = !p_.paths.empty(), smooth = p_.pool == Program::Pool::averages;
        again_.clear(), by_power_.clear(), smooth_.clear();
        field_ = planes(more ? half_space : 0);
        for (int l = 0; l < (more ? p_.degrees() : 0); ++l) by_power_.push_back(planes(half_space));
        for (int l = 0; l < (more && !p_.paths[0].j2.empty() ? p_.degrees() : 0); ++l) again_.push_back(planes(half_space));
        for (std::size_t q = 0; q < (smooth ? p_.powers.size() : 0); ++q) smooth_.push_back(planes(half_space));
        low_ = planes(smooth ? half_space : 0);
        plane_ = planes(p_.B * row_ + 2 * W);
        plane_.re += W, plane_.im += W;  // what is mirrored may begin before the first row
        for (auto* pair : {&moduli_, &powered_})
            for (T*& values : *pair) values = memory.take<T>(flat);
        lines_ = memory.take<T>(2 * W * std::max<std::size_t>(p_.A, p_.C));
        turned_ = memory.take<T>(2 * W * std::max<std::size_t>(p_.A, 2 * p_.half + W));
        scratch_ = memory.take<T>(std::max({p_.along_a.scratch(), p_.along_b.scratch(), p_.along_c.scratch()}));
        return memory.used();
    }

    T* row(int index, T* out) const { return out + index * p_.powers.size() * p_.outputs_of_row(); }

    // -- the field --------------------------------------------------------------------------------------------------

    void order_0(const T* x, T* out) {
        T largest = 0;
        for (std::size_t i = 0; i < p_.points(); ++i) largest = std::max(largest, std::abs(x[i]));
        // A power of two keeps squares from over- and underflow, and changes no digit.
        exponent_ = largest > 0 && std::isfinite(largest) ? std::ilogb(largest) : 0;
        const bool more = !p_.paths.empty();
        each_pair(more, [&](int a, int count) {
            for (int s = 0; s < count; ++s) load(x, a + s, moduli_[s]);
            finish(a, count, more ? &field_ : nullptr, out);
        });
        write(out);
    }

    void load(const T* x, int a, T* to) const {
        const int from_a = p_.extension[0][a], part = -exponent_ / 2;
        const T scale[2] = {std::ldexp(T(1), part), std::ldexp(T(1), -exponent_ - part)};  // as one it might overflow
        for (int b = 0; b < blocks_ * W; ++b) {
            const int from_b = b < p_.B ? p_.extension[1][b] : -1;
            T* line = to + std::size_t(b / W) * p_.C * W + b % W;
            const T* from = x + (std::size_t(std::max(from_a, 0)) * p_.own[1] + std::max(from_b, 0)) * p_.own[2];
            for (int c = 0; c < p_.C; ++c) {
                const int from_c = p_.extension[2][c];
                const bool empty = from_a < 0 || from_b < 0 || from_c < 0;
                line[std::size_t(c) * W] = empty ? T(0) : from[from_c] * scale[0] * scale[1];
            }
        }
    }

    void columns(Planes<T> spectrum) {
        for (std::size_t i = 0; i < p_.half_plane(); i += W) {
            const View<T> column{spectrum.re + i, spectrum.im + i, p_.plane()};
            p_.along_a.run(column, column, scratch_);
        }
    }

    // Inverse transforms along A of a spectrum times the Gaussian and a**p, p < n.
    void powers_of_a(Planes<T> spectrum, const Scale& scale, int n, const Planes<T>* to) {
        const std::size_t plane = p_.plane();
        for (std::size_t block = 0; block * W < plane; ++block) {
            if (block >= scale.blocks.size() || !scale.blocks[block]) continue;
            const std::size_t at = block * W;
            const V across = L::load(scale.across.data() + at);
            for (int a = 0; a < p_.A; ++a) {
                L::store(lines_ + 2 * W * a, L::load(spectrum.re + a * plane + at) * across);
                L::store(lines_ + 2 * W * a + W, L::load(spectrum.im + a * plane + at) * across);
            }
            for (int p = 0; p < n; ++p) {
                const T* weights = scale.along_a.data() + std::size_t(p) * p_.A;
                for (int a = 0; a < p_.A; ++a) {
                    L::store(turned_ + 2 * W * a, L::load(lines_ + 2 * W * a) * weights[a]);
                    L::store(turned_ + 2 * W * a + W, L::load(lines_ + 2 * W * a + W) * weights[a]);
                }
                p_.along_a.run({turned_ + W, turned_, 2 * W}, {to[p].im + at, to[p].re + at, plane}, scratch_);
            }
        }
    }

    // Calls each(a, count) for two planes after the other, all of them or those that are pooled.
    template <class F>
    void each_pair(bool all, F&& each) {
        const int end = all || p_.pool == Program::Pool::averages ? p_.A : p_.inside[0];
        totals_.assign(p_.powers.size(), 0.0);
        for (int a = 0; a < end; a += 2) each(a, std::min(2, end - a));
    }

    // Moduli of one degree at one scale: pooled, and transformed along B and C to `again` where that is wanted.
    void degree(int l, const Scale& scale, const Planes<T>* again, T* out) {
        each_pair(again != nullptr, [&](int a, int count) {
            zonal(l, scale, a, count);
            for (int m = 1; m <= l; ++m)
                for (int s = 0; s < count; ++s) pair_of_harmonics(l, m, scale, a + s, moduli_[s]);
            for (int s = 0; s < count; ++s) take_root(moduli_[s], scale.gains[l]);
            finish(a, count, again, out);
        });
        write(out);
    }

    // Squares of the harmonic m = 0 on two planes.
    void zonal(int l, const Scale& scale, int a, int count) {
        sources_.clear();
        const bool odd = l % 2;  // the result is then i times the signals, and real and imaginary part change places
        for (const Term& term : p_.terms[l][0]) {
            Source s;
            for (int part = 0; part < 2; ++part) {
                const std::size_t at = (a + ((part == 1) != odd ? count - 1 : 0)) * p_.plane();
                s.re[part] = by_power_[term.p].re + at, s.im[part] = by_power_[term.p].im + at;
                s.weights[part] = term.cosine.data();
            }
            sources_.push_back(s);
        }
        planes_of(scale, odd, [&](std::size_t at, const T* z) {
            for (int c = 0; c < p_.C; ++c) {
                const V re = L::load(z + std::size_t(2) * W * c), im = L::load(z + std::size_t(2) * W * c + W);
                L::store(moduli_[0] + at + c * W, re * re);
                L::store(moduli_[1] + at + c * W, im * im);
            }
        });
    }

    // Adds the squares of the harmonics m and -m.
    void pair_of_harmonics(int l, int m, const Scale& scale, int a, T* to) {
        sources_.clear();
        for (const Term& term : p_.terms[l][m]) {
            const T *re = by_power_[term.p].re + a * p_.plane(), *im = by_power_[term.p].im + a * p_.plane();
            sources_.push_back({{re, re}, {im, im}, {term.cosine.data(), term.sine.data()}});
        }
        planes_of(scale, l % 2, [&](std::size_t at, const T* z) {
            for (int c = 0; c < p_.C; ++c) {
                const V re = L::load(z + std::size_t(2) * W * c), im = L::load(z + std::size_t(2) * W * c + W);
                L::store(to + at + c * W, L::load(to + at + c * W) + re * re + im * im);
            }
        });
    }

    // The complex plane of two real signals: sink(place, [c][re, im][W]) for W lines along C after the other.
    template <class Sink>
    void planes_of(const Scale& scale, bool odd, Sink&& sink) {
        combine(scale, odd);
        const int reach = scale.most - 1, width = std::min(2 * reach + 1, p_.C);
        for (int c = 0; c < width; c += W) {
            const View<T> column{plane_.im + c, plane_.re + c, row_};
            p_.along_b.run(column, column, scratch_);
        }
        for (int block = 0; block < blocks_; ++block) {
            gather(block, reach, width);
            p_.along_c.run({lines_ + W, lines_, 2 * W}, {lines_ + W, lines_, 2 * W}, scratch_);
            sink(std::size_t(block) * p_.C * W, lines_);
        }
    }

    // Half spectra of two signals to a whole one of first + i second; frequency c goes to place reach + c of its row.
    // Signals of odd degree are i times real ones.
    void combine(const Scale& scale, bool odd) {
        const int reach = scale.most - 1;
        const bool full = *std::min_element(scale.lengths.begin(), scale.lengths.end()) == scale.most;
        if (!full)
            for (T* plane : {plane_.re, plane_.im}) std::fill(plane, plane + p_.B * row_, T(0));
        const T sign = odd ? T(-1) : T(1);
        for (int b = 0; b < p_.B; ++b) {
            const std::size_t to = b * row_ + reach, mirror = (p_.B - b) % p_.B * row_ + reach - (W - 1);
            for (int c = 0; c < scale.lengths[b]; c += W) {
                const std::size_t at = std::size_t(b) * p_.half + c;
                V re[2] = {}, im[2] = {};
                for (const Source& s : sources_)
                    for (int part = 0; part < 2; ++part) {
                        const V weights = L::load(s.weights[part] + at);
                        re[part] += weights * L::load(s.re[part] + at);
                        im[part] += weights * L::load(s.im[part] + at);
                    }
                L::store(plane_.re + to + c, re[0] - im[1]);
                L::store(plane_.im + to + c, im[0] + re[1]);
                L::store(plane_.re + mirror - c, reversed<T>((re[0] + im[1]) * sign));
                L::store(plane_.im + mirror - c, reversed<T>((re[1] - im[0]) * sign));
            }
        }
    }

    // W lines of the plane, one in each lane, every frequency at its place.
    void gather(int block, int reach, int width) {
        std::size_t from[W];
        for (int i = 0; i < W; ++i) from[i] = std::min(block * W + i, p_.B - 1) * row_;
        for (int c = 0; c < width; c += W) {
            V re[W], im[W];
            for (int i = 0; i < W; ++i) re[i] = L::load(plane_.re + from[i] + c), im[i] = L::load(plane_.im + from[i] + c);
            transpose<T>(re);
            transpose<T>(im);
            for (int i = 0; i < std::min(W, width - c); ++i) {
                const int frequency = c + i - reach, to = 2 * W * (frequency < 0 ? frequency + p_.C : frequency);
                L::store(lines_ + to, re[i]);
                L::store(lines_ + to + W, im[i]);
            }
        }
        if (reach + 1 < p_.C - reach) std::fill(lines_ + 2 * W * (reach + 1), lines_ + 2 * W * (p_.C - reach), T(0));
    }

    void take_root(T* values, T gain) const {
        for (std::size_t i = 0; i < std::size_t(blocks_) * p_.C * W; i += W)
            L::store(values + i, square_root<T>(L::load(values + i)) * gain);
    }

    // -- what becomes of moduli ---------------------------------------------------------------------------------------

    void finish(int a, int count, const Planes<T>* again, T* out) {
        for (std::size_t q = 0; q < p_.powers.size(); ++q) {
            if (p_.pool == Program::Pool::sums) {
                for (int s = 0; s < count; ++s)
                    if (a + s < p_.inside[0]) totals_[q] += total(moduli_[s], p_.powers[q]);
                continue;
            }
            for (int s = 0; s < count; ++s) {
                for (std::size_t i = 0; i < std::size_t(blocks_) * p_.C * W; i += W)
                    L::store(powered_[s] + i, power(L::load(moduli_[s] + i), p_.powers[q]));
                if (p_.pool == Program::Pool::points) put(powered_[s], a + s, q, out);
            }
            if (p_.pool == Program::Pool::averages) transform(powered_, a, count, smooth_[q]);
        }
        if (again) transform(moduli_, a, count, *again);
    }

    // u**q, |u|**q where q is not an integer.
    static V power(V u, double q) {
        if (q == 1) return u;
        if (q == 2) return u * u;
        if (q == 3) return u * u * u;
        if (q == 0.5) return square_root<T>(u < 0 ? -u : u);
        V made;
        const bool whole = q == std::floor(q);
        for (int k = 0; k < W; ++k) made[k] = std::pow(whole ? u[k] : std::abs(u[k]), T(q));
        return made;
    }

    // Sum of powers over the part of a plane that is pooled; short sums in T, long ones in double.
    double total(const T* values, double q) const {
        double all = 0;
        for (int b = 0; b < p_.inside[1]; b += W) {
            V sums{};
            for (int c = 0; c < p_.inside[2]; ++c) sums += power(L::load(values + (std::size_t(b) * p_.C + c * W)), q);
            for (int k = 0; k < std::min(W, p_.inside[1] - b); ++k) all += sums[k];
        }
        return all;
    }

    // Transforms of two real planes along C and B, to half spectra of theirs.
    void transform(const std::array<T*, 2>& values, int a, int count, Planes<T> to) {
        const std::size_t flat = std::size_t(blocks_) * p_.C * W;
        if (count == 1) std::fill(values[1], values[1] + flat, T(0));
        for (int block = 0; block < blocks_; ++block) {
            const std::size_t at = std::size_t(block) * p_.C * W;
            p_.along_c.run({values[0] + at, values[1] + at, W}, {lines_, lines_ + W, 2 * W}, scratch_);
            separate();
            scatter(block);
        }
        for (int c = 0; c < 2 * p_.half; c += W) {
            const View<T> column{plane_.re + c, plane_.im + c, row_};
            p_.along_b.run(column, column, scratch_);
        }
        for (int s = 0; s < count; ++s)
            for (int b = 0; b < p_.B; ++b) {
                const std::size_t from = b * row_ + s * p_.half, place = (a + s) * p_.plane() + std::size_t(b) * p_.half;
                std::copy_n(plane_.re + from, p_.half, to.re + place);
                std::copy_n(plane_.im + from, p_.half, to.im + place);
            }
    }

    // From transforms along C of first + i second to the half spectra of both, one after the other.
    void separate() {
        for (int c = 0; c < p_.half; ++c) {
            const T *p = lines_ + 2 * W * c, *m = lines_ + 2 * W * ((p_.C - c) % p_.C);
            const V ar = L::load(p), ai = L::load(p + W), br = L::load(m), bi = L::load(m + W);
            T *first = turned_ + 2 * W * c, *second = turned_ + 2 * W * (p_.half + c);
            L::store(first, (ar + br) * T(0.5));
            L::store(first + W, (ai - bi) * T(0.5));
            L::store(second, (ai + bi) * T(0.5));
            L::store(second + W, (br - ar) * T(0.5));
        }
    }

    // Lanes to lines of the plane.
    void scatter(int block) {
        for (int c = 0; c < 2 * p_.half; c += W) {
            V re[W], im[W];
            for (int i = 0; i < W; ++i) {
                re[i] = L::load(turned_ + 2 * W * (c + i));
                im[i] = L::load(turned_ + 2 * W * (c + i) + W);
            }
            transpose<T>(re);
            transpose<T>(im);
            for (int i = 0; i < std::min(W, p_.B - block * W); ++i) {
                const std::size_t to = (block * W + i) * row_ + c;
                L::store(plane_.re + to, re[i]);
                L::store(plane_.im + to, im[i]);
            }
        }
    }

    // What is known only when all planes are done.
    void write(T* out) {
        for (std::size_t q = 0; q < p_.powers.size(); ++q)
            if (p_.pool == Program::Pool::sums)
                out[q] = unscaled(totals_[q], q);
            else if (p_.pool == Program::Pool::averages)
                average(q, out);
    }

    void average(std::size_t q, T* out) {
        const Scale& low_pass = p_.scales.back();
        columns(smooth_[q]);
        powers_of_a(smooth_[q], low_pass, 1, &low_);
        for (int a = 0; a < p_.inside[0]; a += 2) {
            const std::size_t at = a * p_.plane(), next = std::min(a + 1, p_.A - 1) * p_.plane();
            sources_ = {{{low_.re + at, low_.re + next}, {low_.im + at, low_.im + next}, {p_.ones.data(), p_.ones.data()}}};
            planes_of(low_pass, false, [&](std::size_t place, const T* z) {
                for (int c = 0; c < p_.C; ++c)
                    for (int part = 0; part < 2; ++part)
                        L::store(powered_[part] + place + c * W, L::load(z + std::size_t(2) * W * c + part * W));
            });
            for (int part = 0; part < 2; ++part) put(powered_[part], a + part, q, out);
        }
    }

    // The points of a plane that are output.
    void put(const T* values, int a, std::size_t q, T* out) const {
        if (a >= p_.inside[0] || a % p_.step) return;
        out += (q * p_.outputs[0] + a / p_.step) * p_.outputs[1] * p_.outputs[2];
        for (int b = 0; b < p_.inside[1]; b += p_.step)
            for (int c = 0; c < p_.inside[2]; c += p_.step)
                *out++ = unscaled(values[(std::size_t(b / W) * p_.C + c) * W + b % W], q);
    }

    T unscaled(double value, std::size_t q) const { return T(value * std::exp2(p_.powers[q] * exponent_)); }

    const Program& p_;
    const std::size_t row_;  // numbers from one row of the whole plane to the next
    const int blocks_;       // of W lines
    Planes<T> field_, low_, plane_;
    std::vector<Planes<T>> by_power_, again_, smooth_;
    std::array<T*, 2> moduli_, powered_;  // two planes, [block][c][W]
    T *lines_, *turned_, *scratch_;
    std::vector<Source> sources_;
    std::vector<double> totals_;
    int exponent_ = 0;
    Arena arena_;  // which the constructor makes after counting what is cut from it
};

}  // namespace skmst
