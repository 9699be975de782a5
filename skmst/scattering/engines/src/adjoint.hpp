// The transpose of the derivative of the cascade. Forward signals are computed again, block by block.
#pragma once

#include "executor.hpp"

namespace skmst {

template <class T>
class Adjoint : Executor<T> {
    using Base = Executor<T>;
    using typename Base::C;
    using typename Base::L;
    using typename Base::Target;
    using typename Base::Targets;
    using Base::p_, Base::W;
    using Base::product_, Base::mixed_, Base::scratch_, Base::space_, Base::pooled_;
    using Base::spectra_, Base::slopes_, Base::filtered_, Base::gradients_;
    using Base::clear, Base::each_number, Base::filter, Base::following, Base::place, Base::shift, Base::mean_of;
    using Base::synthesise_to, Base::spectra_of_real, Base::load_field, Base::spectrum_of_field, Base::each_point;

public:
    explicit Adjoint(const Program<T>& program) : Base(program, true) {}

    // The gradient with respect to one field of sum Re(conj(gradient) coefficients).
    void pullback(const T* x, const T* gradient, T* out) {
        load_field(x);
        spectrum_of_field();
        clear(slopes_[0], p_.sizes().spectra[0]);
        for (const Branch<T>* b : p_.first()) {
            Targets targets;
            for (int f = 0; f < b->n_filters(); ++f) targets.push_back({0, 0, f});
            ascend(*b, targets, spectra_[0], slopes_[0], 1, gradient);
        }
        const Planes<T> field = gradients_[0];
        clear(gradients_[0], p_.field().space_size(1));
        transpose_spectra(p_.field(), slopes_[0], field, 1, p_.complex_fields);
        shift(field, -mean_of(field));
        clear(slopes_[0], p_.sizes().spectra[0]);
        transpose_pooling(p_.mean(), 0, gradient, 0, 1, field, slopes_[0], p_.complex_fields);
        if (p_.mean().low_pass) transpose_spectra(p_.field(), slopes_[0], field, 1, p_.complex_fields);
        store_field(field, out);
    }

private:
    void store_field(Planes<T> field, T* out) const {
        std::fill(out, out + p_.points() * (p_.complex_fields ? 2 : 1), T(0));
        each_point([&](std::size_t at, std::size_t to) {
            out[p_.complex_fields ? 2 * to : to] += field.re[at];
            if (p_.complex_fields) out[2 * to + 1] += field.im[at];
        });
    }

    // Adds to `slope` the gradient with respect to the spectra `before` of what follows through a branch. Forward
    // signals are computed again block by block: memory stays bounded.
    void ascend(const Branch<T>& b, const Targets& targets, Planes<T> before, Planes<T> slope, int n_before, const T* gradient) {
        const Grid<T>& grid = b.grid();
        for (std::size_t start = 0; start < targets.size(); start += b.block) {
            const Targets block(targets.begin() + start, targets.begin() + std::min(targets.size(), start + b.block));
            const int n = int(block.size());
            const Planes<T> z = filtered_[b.depth], g = gradients_[b.depth];
            filter(b, block, before, n_before);
            synthesise_to(grid, product_, z, n);
            clear(gradients_[b.depth], grid.space_size(n));
            if (b.needs_spectrum()) clear(slopes_[b.depth], grid.spectrum_size(n, false));
            for (int i = 0; i < n; ++i)
                transpose_pooling(*b.pooling, b.row(block[i].line, block[i].filter), gradient, i, n, g, slopes_[b.depth], !p_.half());
            if (!b.children.empty()) ascend_children(b, block, z, gradient);
            if (b.needs_spectrum()) transpose_spectra(grid, slopes_[b.depth], g, n, !p_.half());
            through_rectifier(grid, n, z, g);
            grid.spectra_of_complex(z, product_, n, scratch_);
            for (int i = 0; i < n; ++i)
                b.filters->transpose(block[i].filter, product_, i, n, slope, block[i].slot, n_before);
        }
    }

    // Gradients with respect to filtered signals, in their place, from those with respect to rectified ones.
    void through_rectifier(const Grid<T>& grid, int n, Planes<T> z, Planes<T> g) const {
        if (p_.rectifier.kind == Kind::modulus)
            for (std::size_t i = 0; i < grid.space_size(n); i += W) {
                const typename L::V re = L::load(z.re + i), im = L::load(z.im + i);
                const typename L::V factor = L::load(g.re + i) * inverse_root<T>(re * re + im * im);
                L::store(z.re + i, re * factor);
                L::store(z.im + i, im * factor);
            }
        else
            each_number(grid, n, [&](std::size_t at) {
                const C back = p_.rectifier.pullback(C(z.re[at], z.im[at]), C(g.re[at], p_.half() ? T(0) : g.im[at]));
                z.re[at] = back.real(), z.im[at] = back.imag();
            });
    }

    void ascend_children(const Branch<T>& b, const Targets& block, Planes<T> z, const T* gradient) {
        const int n = int(block.size());
        const Planes<T> u = p_.half() ? Planes<T>{space_, nullptr} : mixed_;
        if (p_.half())
            for (std::size_t i = 0; i < b.grid().space_size(n); i += W)
                L::store(u.re + i, p_.rectifier.modulus(z.re + i, z.im + i));
        else
            each_number(b.grid(), n, [&](std::size_t at) {
                const C rectified = p_.rectifier(C(z.re[at], z.im[at]));
                u.re[at] = rectified.real(), u.im[at] = rectified.imag();
            });
        const Planes<T> spectra = spectra_[b.depth];
        if (p_.half())
            spectra_of_real(b.grid(), u.re, spectra, n);
        else
            b.grid().spectra_of_complex(u, spectra, n, scratch_);
        for (const Branch<T>* child : b.children)
            ascend(*child, following(*child, block), spectra, slopes_[b.depth], n, gradient);
    }

    // Adds gradients with respect to signals: to themselves, or to their spectra where a filter averages them.
    void transpose_pooling(const Pooling<T>& pooling, int row_, const T* gradient, int signal, int n, Planes<T> space,
                           Planes<T> slope, bool complex_signal) {
        const int step = p_.half() ? 1 : 2;
        const T* from = gradient + std::size_t(row_) * pooling.n_out() * step;
        if (pooling.separable) {
            pooling.separable->transpose(from, step, space.re, signal, n, pooled_);
            if (complex_signal) pooling.separable->transpose(from + 1, step, space.im, signal, n, pooled_);
            return;
        }
        const Grid<T>& grid = pooling.low_pass->target;
        const std::size_t size = grid.space_size(1);
        std::fill(pooled_, pooled_ + 2 * size, T(0));
        for (std::size_t k = 0; k < pooling.every.size(); ++k) {
            const std::size_t at = place(grid, pooling.every[k]);
            pooled_[at] = from[k * step];
            if (complex_signal) pooled_[size + at] = from[k * step + 1];
        }
        grid.spectra_of_complex({pooled_, pooled_ + size}, product_, 1, scratch_);
        pooling.low_pass->transpose(0, product_, 0, 1, slope, signal, n);
    }

    // Adds to signals the transpose of their transform, whose gradient is overwritten.
    void transpose_spectra(const Grid<T>& grid, Planes<T> slope, Planes<T> space, int n, bool complex_signal) {
        if (!complex_signal) {
            grid.fold(slope, product_, n);
            return grid.add_transposed(product_, space.re, n, scratch_);
        }
        const std::size_t row_ = grid.space_stride(n);
        grid.synthesise(slope, n, scratch_, [&](int z, std::size_t r, const T* columns) {
            for (int y = 0; y < grid.Y; ++y) {
                const std::size_t at = (std::size_t(z) * grid.Y + y) * row_ + r;
                const T* from = columns + std::size_t(2) * W * y;
                L::store(space.re + at, L::load(space.re + at) + L::load(from));
                L::store(space.im + at, L::load(space.im + at) + L::load(from + W));
            }
        });
    }
};

}  // namespace skmst
