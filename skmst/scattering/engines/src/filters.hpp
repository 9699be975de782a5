// Products of spectra with filters, only where a filter lives, folded onto the grid of the filtered signal.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "grid.hpp"

namespace skmst {

using Shape = std::array<int, 3>;  // z, y, x; a 1-D grid is (1, 1, n) here, however it is folded

// Several filters from spectra on one grid to spectra on a coarser one.
template <class T>
class Filters {
    static constexpr int NARROW = std::min(32, REGISTER_BYTES);  // registers that waste less at the ends of short rows

    // W consecutive ky of a row of the target; all that is added up there.
    struct Block {
        std::int32_t x, z, y, first_term, n_terms, repeated;  // the first `repeated` ky are those of the block before
    };
    struct Bin {  // of the source: the first of W consecutive ones
        std::int32_t x, z, y;
    };
    struct Run {
        Bin from;
        std::int32_t y, length;
        std::size_t weights;
    };

public:
    static constexpr int GROUP = 4;  // signals that are filtered together

    const Grid<T>& source;
    const Grid<T>& target;

    Filters(const Grid<T>& from, const Grid<T>& to)
        : source(from), target(to), W((to.Y * int(sizeof(T)) % REGISTER_BYTES ? NARROW : REGISTER_BYTES) / int(sizeof(T))) {}

    int count() const { return int(first_.size()) - 1; }

    // `hat` has the values on a grid `shape`, which is that of the source or finer: then the spectrum is extended by
    // zeros, with half of the Nyquist bins on each side. All are divided by the points of the target.
    void add(const double* hat, Shape shape, Shape source_shape, Shape target_shape) {
        std::vector<std::vector<Run>> rows(std::size_t(target.X) * target.Z);
        std::vector<T> weights;
        const bool line = source.line;
        const int ny = line ? source.Y : shape[1], nx = line ? shape[2] / source.Y : shape[2];
        for (int kx = 0; kx < nx; ++kx)  // in the order of the source's memory: ky runs fastest
            for (int kz = 0; kz < shape[0]; ++kz)
                for (int ky = 0; ky < ny; ++ky) {
                    const Shape k = line ? Shape{0, 0, ny * kx + ky} : Shape{kz, ky, kx};
                    double value = hat[(std::size_t(k[0]) * shape[1] + k[1]) * shape[2] + k[2]];
                    if (value == 0) continue;
                    Shape from = k, to;
                    for (int a = 0; a < 3; ++a) {
                        value *= fold_into(from[a], shape[a], source_shape[a]);
                        to[a] = k[a] % target_shape[a];
                    }
                    if (value == 0) continue;
                    if (line) from = {0, from[2] % source.Y, from[2] / source.Y};
                    if (line) to = {0, to[2] % target.Y, to[2] / target.Y};
                    append(rows[std::size_t(to[2]) * target.Z + to[0]], {from[2], from[0], from[1]}, to[1], weights.size());
                    weights.push_back(T(value / double(target.points())));
                }
        for (std::size_t row = 0; row < rows.size(); ++row)
            for (int y = 0; y < target.Y; y += W) {
                const int start = std::max(0, std::min(y, target.Y - W));
                blocks_.push_back({int(row) / target.Z, int(row) % target.Z, start, int(terms_.size()), 0, y - start});
                for (const Run& run : rows[row])
                    if (run.y < start + W && run.y + run.length > start) add_term(run, start, weights);
            }
        if (terms_.size() > std::size_t(std::numeric_limits<std::int32_t>::max()))
            throw std::length_error("the filters of one branch have too many terms for 32-bit indices");
        first_.push_back(blocks_.size());
    }

    // Writes the products with the signals `from` ... of n_from to the signals `to` ... of n_to, all of them.
    template <int G>
    void multiply(int filter, Planes<T> spectra, const int (&from)[G], int n_from, Planes<T> out, int to, int n_to) const {
        if (W * sizeof(T) == REGISTER_BYTES)
            multiply<Lanes<T>>(filter, spectra, from, n_from, out, to, n_to);
        else
            multiply<Lanes<T, NARROW>>(filter, spectra, from, n_from, out, to, n_to);
    }

    // Adds the transpose: from gradients with respect to products to those with respect to spectra.
    void transpose(int filter, Planes<T> gradient, int from, int n_from, Planes<T> out, int to, int n_to) const {
        if (W * sizeof(T) == REGISTER_BYTES)
            transpose<Lanes<T>>(filter, gradient, from, n_from, out, to, n_to);
        else
            transpose<Lanes<T, NARROW>>(filter, gradient, from, n_from, out, to, n_to);
    }

private:
    template <class L, int G>
    void multiply(int filter, Planes<T> spectra, const int (&from)[G], int n_from, Planes<T> out, int to, int n_to) const {
        using V = typename L::V;
        constexpr int W = L::W;
        const std::size_t row = source.spectrum_stride(n_from, false), to_row = target.spectrum_stride(n_to, false);
        std::size_t shift[G];
        for (int g = 0; g < G; ++g) shift[g] = std::size_t(from[g]) * source.Y;
        for (std::size_t i = first_[filter]; i < first_[filter + 1]; ++i) {
            const Block& block = blocks_[i];
            const T* w = weights_.data() + std::size_t(block.first_term) * W;
            V re[G] = {}, im[G] = {};
            for (const Bin *t = terms_.data() + block.first_term, *end = t + block.n_terms; t != end; ++t, w += W) {
                const std::size_t at = t->x * row + std::size_t(t->z) * n_from * source.Y + t->y;
                const V x = L::load(w);
                for (int g = 0; g < G; ++g) {
                    re[g] += x * L::load(spectra.re + at + shift[g]);
                    im[g] += x * L::load(spectra.im + at + shift[g]);
                }
            }
            const std::size_t at = block.x * to_row + (std::size_t(block.z) * n_to + to) * target.Y + block.y;
            for (int g = 0; g < G; ++g) {
                T *out_re = out.re + at + std::size_t(g) * target.Y, *out_im = out.im + at + std::size_t(g) * target.Y;
                if (target.Y >= W) {
                    L::store(out_re, re[g]);
                    L::store(out_im, im[g]);
                } else {
                    for (int k = 0; k < target.Y; ++k) out_re[k] = re[g][k], out_im[k] = im[g][k];
                }
            }
        }
    }

    template <class L>
    void transpose(int filter, Planes<T> gradient, int from, int n_from, Planes<T> out, int to, int n_to) const {
        using V = typename L::V;
        constexpr int W = L::W;
        const std::size_t row = target.spectrum_stride(n_from, false), to_row = source.spectrum_stride(n_to, false);
        for (std::size_t i = first_[filter]; i < first_[filter + 1]; ++i) {
            const Block& block = blocks_[i];
            const std::size_t at = block.x * row + (std::size_t(block.z) * n_from + from) * target.Y + block.y;
            V re = L::load(gradient.re + at), im = L::load(gradient.im + at);
            for (int k = 0; k < block.repeated; ++k) re[k] = im[k] = 0;
            for (int k = target.Y; k < W; ++k) re[k] = im[k] = 0;
            const T* w = weights_.data() + std::size_t(block.first_term) * W;
            for (const Bin *t = terms_.data() + block.first_term, *end = t + block.n_terms; t != end; ++t, w += W) {
                const std::size_t place = t->x * to_row + (std::size_t(t->z) * n_to + to) * source.Y + t->y;
                const V x = L::load(w);
                L::store(out.re + place, L::load(out.re + place) + x * re);
                L::store(out.im + place, L::load(out.im + place) + x * im);
            }
        }
    }

    // The bin of a spectrum of m points that bin k of n >= m is; returns the weight of that bin.
    static double fold_into(int& k, int n, int m) {
        if (n == m) return 1;
        const int frequency = k < (n + 1) / 2 ? k : k - n;
        if (2 * std::abs(frequency) > m) return 0;
        k = (frequency + m) % m;
        return 2 * std::abs(frequency) == m ? 0.5 : 1;
    }

    // One more bin of a row of the target: at the end of a run that it continues, or as a new one.
    static void append(std::vector<Run>& row, Bin from, int y, std::size_t weights) {
        if (!row.empty()) {
            Run& last = row.back();
            if (last.from.x == from.x && last.from.z == from.z && last.from.y + last.length == from.y &&
                last.y + last.length == y && last.weights + last.length == weights) {
                ++last.length;
                return;
            }
        }
        row.push_back({from, y, 1, weights});
    }

    // The part of a run in the block from ky = start on, with zeros around it.
    void add_term(const Run& run, int start, const std::vector<T>& weights) {
        terms_.push_back({run.from.x, run.from.z, run.from.y + start - run.y});
        ++blocks_.back().n_terms;
        for (int k = 0; k < W; ++k) {
            const int at = start + k - run.y;
            weights_.push_back(at >= 0 && at < run.length ? weights[run.weights + at] : T(0));
        }
    }

    const int W;
    std::vector<Block> blocks_;
    std::vector<Bin> terms_;
    std::vector<std::size_t> first_{0};  // block of each filter
    std::vector<T> weights_;             // W of each term
};

}  // namespace skmst
